/**
 * What a search asks for, read from a request in one pass: the pass that feeds ACL and routing with the key of STORE is
 * the one that the handler works by.
 *
 * As Redis reads options after it has looked at the key, and looks members up while it reads on, a refusal is kept in the
 * query with what came before it, for the handler to answer in the right order.
 */
import { type ArgIndex, type CustomParse, WRITES } from '../../command/args.ts';
import {
  GEO_ANY_NEEDS_COUNT,
  GEO_BOX_NEGATIVE,
  GEO_COUNT_NOT_POSITIVE,
  GEO_HEIGHT_NOT_NUMERIC,
  GEO_RADIUS_NEGATIVE,
  GEO_RADIUS_NOT_NUMERIC,
  GEO_STORE_WITH,
  GEO_WIDTH_NOT_NUMERIC,
  GEOSEARCHSTORE_WITH,
  geoMiddleNeeded,
  geoShapeNeeded,
  NOT_AN_INTEGER,
  type Refusal,
  SYNTAX_ERROR,
} from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import { integerAt, isWord } from '../zset/value.ts';
import { Place } from './cell.ts';
import { floatAt, readPlace, unitAt } from './value.ts';

/** Which command it is. */
export interface Form {
  /** GEORADIUS: around a place given; GEORADIUSBYMEMBER: around a member; GEOSEARCH: as options say. */
  readonly around: 'place' | 'member' | 'options';
  /** Where the result may go: nowhere, to the key of an option, to the first key. */
  readonly stores: 'never' | 'byOption' | 'always';
}

export type Order = 'none' | 'asc' | 'desc';

export class Query {
  readonly middle = new Place();
  /** Members whose place is to be the middle; the last one counts, all must be there. */
  readonly members: ArgIndex[] = [];
  isBox = false;
  width = 0;
  height = 0;
  unitMeters = 1;
  order: Order = 'none';
  /** 0 = all. */
  count = 0;
  any = false;
  withDistance = false;
  withHash = false;
  withPlace = false;
  /** Where the result goes; 0 for the client. */
  store: ArgIndex = 0;
  storesDistance = false;
  /** What was wrong behind all that. */
  refusal: Refusal | undefined = undefined;
  /** What is wrong with the radius of GEORADIUSBYMEMBER, if there is anything to search in. */
  circleRefusal: Refusal | undefined = undefined;
  private hasPlace = false;
  private hasShape = false;

  readonly request: Request;
  private readonly form: Form;

  constructor(request: Request, form: Form) {
    this.request = request;
    this.form = form;
  }

  /** Reads everything behind the source key. */
  read(at: ArgIndex): void {
    this.refusal = this.readFrom(at);
  }

  private readFrom(at: ArgIndex): Refusal | undefined {
    const { request, form } = this;
    let first = at;
    if (form.around === 'place') {
      const refusal = readPlace(request, at, this.middle) ?? this.readCircle(at + 2);
      if (refusal !== undefined) return refusal;
      first = at + 4;
    } else if (form.around === 'member') {
      this.members.push(at);
      first = at + 3;
      // Only looked at once there is a source; what the options say about keys must be known in any case.
      this.circleRefusal = this.readCircle(at + 1);
    } else if (form.stores === 'always') this.store = 1;
    return this.readOptions(first) ?? this.conflict();
  }

  private readOptions(from: ArgIndex): Refusal | undefined {
    let at = from;
    while (at < this.request.argc) {
      const taken = this.readFlag(at) || this.readStore(at);
      if (taken > 0) {
        at += taken;
        continue;
      }
      const next = this.readValue(at);
      if (typeof next !== 'number') return next;
      at = next;
    }
    return undefined;
  }

  /** Options of one word. @returns arguments read, 0 when it is none of these. */
  private readFlag(at: ArgIndex): number {
    const { request } = this;
    if (isWord(request, at, 'WITHDIST')) this.withDistance = true;
    else if (isWord(request, at, 'WITHHASH')) this.withHash = true;
    else if (isWord(request, at, 'WITHCOORD')) this.withPlace = true;
    else if (isWord(request, at, 'ANY')) this.any = true;
    else if (isWord(request, at, 'ASC')) this.order = 'asc';
    else if (isWord(request, at, 'DESC')) this.order = 'desc';
    else return 0;
    return 1;
  }

  private readStore(at: ArgIndex): number {
    const { request, form } = this;
    const isDistance = isWord(request, at, 'STOREDIST');
    if (isDistance && form.stores === 'always') {
      this.storesDistance = true;
      return 1;
    }
    if (form.stores !== 'byOption' || at + 1 >= request.argc || !(isDistance || isWord(request, at, 'STORE'))) return 0;
    this.store = at + 1;
    this.storesDistance = isDistance;
    return 2;
  }

  /** Options with values. @returns where to read on, or why not. */
  private readValue(at: ArgIndex): ArgIndex | Refusal {
    const { request } = this;
    const follow = request.argc - at - 1;
    if (follow >= 1 && isWord(request, at, 'COUNT')) {
      this.count = integerAt(request, at + 1);
      if (Number.isNaN(this.count)) return NOT_AN_INTEGER;
      return this.count <= 0 ? GEO_COUNT_NOT_POSITIVE : at + 2;
    }
    if (this.form.around !== 'options') return SYNTAX_ERROR;
    if (follow >= 1 && !this.hasPlace && isWord(request, at, 'FROMMEMBER')) {
      this.members.push(at + 1);
      return at + 2;
    }
    if (follow >= 2 && this.members.length === 0 && isWord(request, at, 'FROMLONLAT')) {
      this.hasPlace = true;
      return readPlace(request, at + 1, this.middle) ?? at + 3;
    }
    if (follow >= 2 && !(this.hasShape && this.isBox) && isWord(request, at, 'BYRADIUS')) {
      return this.readCircle(at + 1) ?? at + 3;
    }
    if (follow >= 3 && !(this.hasShape && !this.isBox) && isWord(request, at, 'BYBOX')) {
      return this.readBox(at + 1) ?? at + 4;
    }
    return SYNTAX_ERROR;
  }

  private readCircle(at: ArgIndex): Refusal | undefined {
    this.hasShape = true;
    this.isBox = false;
    this.width = floatAt(this.request, at);
    if (Number.isNaN(this.width)) return GEO_RADIUS_NOT_NUMERIC;
    if (this.width < 0) return GEO_RADIUS_NEGATIVE;
    return this.readUnit(at + 1);
  }

  private readBox(at: ArgIndex): Refusal | undefined {
    this.hasShape = true;
    this.isBox = true;
    this.width = floatAt(this.request, at);
    if (Number.isNaN(this.width)) return GEO_WIDTH_NOT_NUMERIC;
    this.height = floatAt(this.request, at + 1);
    if (Number.isNaN(this.height)) return GEO_HEIGHT_NOT_NUMERIC;
    if (this.width < 0 || this.height < 0) return GEO_BOX_NEGATIVE;
    return this.readUnit(at + 2);
  }

  private readUnit(at: ArgIndex): Refusal | undefined {
    const unit = unitAt(this.request, at);
    if (typeof unit !== 'number') return unit;
    this.unitMeters = unit;
    return undefined;
  }

  private conflict(): Refusal | undefined {
    const { form } = this;
    if (this.store !== 0 && (this.withDistance || this.withHash || this.withPlace)) {
      return form.stores === 'always' ? GEOSEARCHSTORE_WITH : GEO_STORE_WITH;
    }
    if (form.around === 'options') {
      const name = this.request.text(0);
      if (this.members.length === 0 && !this.hasPlace) return geoMiddleNeeded(name);
      if (!this.hasShape) return geoShapeNeeded(name);
    }
    if (this.any && this.count === 0) return GEO_ANY_NEEDS_COUNT;
    if (this.count > 0 && this.order === 'none' && !this.any) this.order = 'asc';
    return undefined;
  }
}

/** Reads a query; its key of STORE, if any, is among the request's keys. */
export function queryParser(form: Form): (request: Request, at: ArgIndex) => CustomParse<Query> {
  return (request, at) => {
    const query = new Query(request, form);
    query.read(at);
    const keys = form.stores === 'byOption' && query.store !== 0 ? [{ at: query.store, access: WRITES }] : [];
    return { end: request.argc, value: query, keys };
  };
}
