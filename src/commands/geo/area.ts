/**
 * What a search looks for and where it has to look: a circle or a box on a round Earth, and the up to nine cells of the
 * map that cover it. Formulas, constants and the order of the cells are those of Redis, so that results without an
 * order of their own come in the same one.
 *
 * Hot path: the distance to each candidate. Guarded by `bench/zset.ts`.
 */
import { edgeOf, interleaved, LATITUDE_MAX, LONGITUDE_MAX, type Place, partOf, STEPS_MAX } from './cell.ts';

const EARTH_RADIUS_METERS = 6372797.560856;
/** Half of the equator on Mercator's map. */
const MAP_METERS = 20037726.37;
const RADIANS = Math.PI / 180;

function radians(degrees: number): number {
  return degrees * RADIANS;
}

function degrees(angle: number): number {
  return angle / RADIANS;
}

function distanceOfLatitudes(a: number, b: number): number {
  return EARTH_RADIUS_METERS * Math.abs(radians(b) - radians(a));
}

/** Meters between two places, along the surface. */
export function distance(longitudeA: number, latitudeA: number, longitudeB: number, latitudeB: number): number {
  const v = Math.sin((radians(longitudeB) - radians(longitudeA)) / 2);
  if (v === 0) return distanceOfLatitudes(latitudeA, latitudeB);
  const a = radians(latitudeA);
  const b = radians(latitudeB);
  const u = Math.sin((b - a) / 2);
  return 2 * EARTH_RADIUS_METERS * Math.asin(Math.sqrt(u * u + Math.cos(a) * Math.cos(b) * v * v));
}

/** A circle (`width` is its radius, `height` 0) or a box around a place; lengths in units of so many meters. */
export interface Area {
  readonly longitude: number;
  readonly latitude: number;
  readonly isBox: boolean;
  readonly width: number;
  readonly height: number;
  readonly unitMeters: number;
}

/** Meters from the middle of the area, or -1 when the place is not within. */
export function distanceWithin(area: Area, place: Place): number {
  const { longitude, latitude, unitMeters } = area;
  if (area.isBox) {
    if (distanceOfLatitudes(place.latitude, latitude) > (area.height * unitMeters) / 2) return -1;
    const across = distance(place.longitude, place.latitude, longitude, place.latitude);
    if (across > (area.width * unitMeters) / 2) return -1;
    return distance(longitude, latitude, place.longitude, place.latitude);
  }
  const away = distance(longitude, latitude, place.longitude, place.latitude);
  return away > area.width * unitMeters ? -1 : away;
}

/** The largest step whose cells, with their neighbours, surely cover a radius: but for the edges, which `cellsOf` looks at. */
function stepFor(meters: number, latitude: number): number {
  if (meters === 0) return STEPS_MAX;
  let step = 1;
  for (let reach = meters; reach < MAP_METERS; reach *= 2) step++;
  step -= 2;
  // Towards the poles meridians come closer.
  if (latitude > 66 || latitude < -66) step--;
  if (latitude > 80 || latitude < -80) step--;
  return Math.max(1, Math.min(STEPS_MAX, step));
}

interface Bounds {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

function boundsOf(area: Area): Bounds {
  const { longitude, latitude, unitMeters } = area;
  const height = unitMeters * (area.isBox ? area.height / 2 : area.width);
  const width = unitMeters * (area.isBox ? area.width / 2 : area.width);
  const up = degrees(height / EARTH_RADIUS_METERS);
  // The side nearer to the pole is the one that spans more degrees.
  const widest = latitude < 0 ? latitude - up : latitude + up;
  const aside = degrees(width / EARTH_RADIUS_METERS / Math.cos(radians(widest)));
  return { west: longitude - aside, south: latitude - up, east: longitude + aside, north: latitude + up };
}

/** One cell of the map: part numbers of its longitude and latitude among 2^step. */
interface Cell {
  readonly longitude: number;
  readonly latitude: number;
  readonly step: number;
}

/** The cell so far east and north, round the edges of the map. */
function beside(cell: Cell, east: number, north: number): Cell {
  const mask = 2 ** cell.step - 1;
  return {
    longitude: east === 0 ? cell.longitude : (cell.longitude + east) & mask,
    latitude: north === 0 ? cell.latitude : (cell.latitude + north) & mask,
    step: cell.step,
  };
}

function cellAround(area: Area, step: number): Cell {
  return {
    longitude: partOf(area.longitude, LONGITUDE_MAX, step),
    latitude: partOf(area.latitude, LATITUDE_MAX, step),
    step,
  };
}

function southOf(cell: Cell): number {
  return edgeOf(cell.latitude, LATITUDE_MAX, cell.step);
}
function northOf(cell: Cell): number {
  return edgeOf(cell.latitude + 1, LATITUDE_MAX, cell.step);
}
function westOf(cell: Cell): number {
  return edgeOf(cell.longitude, LONGITUDE_MAX, cell.step);
}
function eastOf(cell: Cell): number {
  return edgeOf(cell.longitude + 1, LONGITUDE_MAX, cell.step);
}

/** Whether the area goes beyond the neighbours of the cell in its middle. */
function isTooSmall(cell: Cell, bounds: Bounds): boolean {
  return (
    northOf(beside(cell, 0, 1)) < bounds.north ||
    southOf(beside(cell, 0, -1)) > bounds.south ||
    eastOf(beside(cell, 1, 0)) < bounds.east ||
    westOf(beside(cell, -1, 0)) > bounds.west
  );
}

/** East and north, in the order in which they are searched. */
const DIRECTIONS = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
] as const;

/** Scores [from, to) to be looked at, in order. */
export interface ScoreSpan {
  readonly from: number;
  readonly to: number;
}

/** Where the places of an area may be; a span may come twice when the area goes round the Earth, as in Redis. */
export function spansOf(area: Area): ScoreSpan[] {
  const bounds = boundsOf(area);
  const reach = area.isBox ? Math.sqrt((area.width / 2) ** 2 + (area.height / 2) ** 2) : area.width;
  let step = stepFor(reach * area.unitMeters, area.latitude);
  let cell = cellAround(area, step);
  if (step > 1 && isTooSmall(cell, bounds)) {
    step--;
    cell = cellAround(area, step);
  }
  const mayExclude = step >= 2;
  const noSouth = mayExclude && southOf(cell) < bounds.south;
  const noNorth = mayExclude && northOf(cell) > bounds.north;
  const noWest = mayExclude && westOf(cell) < bounds.west;
  const noEast = mayExclude && eastOf(cell) > bounds.east;
  const spans: ScoreSpan[] = [];
  let last: Cell | undefined;
  for (const [east, north] of DIRECTIONS) {
    if ((north < 0 && noSouth) || (north > 0 && noNorth) || (east < 0 && noWest) || (east > 0 && noEast)) continue;
    const next = beside(cell, east, north);
    if (last !== undefined && last.longitude === next.longitude && last.latitude === next.latitude) continue;
    spans.push(spanOf(next));
    // Redis compares with the one before, unless that is the middle.
    if (east !== 0 || north !== 0) last = next;
  }
  return spans;
}

function spanOf(cell: Cell): ScoreSpan {
  const scale = 2 ** (2 * (STEPS_MAX - cell.step));
  const bits = interleaved(cell.latitude, cell.longitude);
  return { from: bits * scale, to: (bits + 1) * scale };
}
