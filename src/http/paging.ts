import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { DomainError } from '../common/errors/errors.js';
import { fails } from '../common/fields.js';
import type { ApiVersion } from '../common/paths.js';
import { NAMES } from '../common/search-text.js';
import type { TermRange } from '../common/search-text.js';

const DEFAULT_SIZE = 10;
const MAX_SIZE = 100;
const MAX_START = 100_000;
/** Rows of a page if the client gives no size and the list has no default size of its own. */
const MAX_OPEN_SIZE = 1000;
/** Search results are counted up to this number. */
export const MAX_COUNTED = 1000;

/** Reads a number that a form or a query writes as text. */
export function ToInteger(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value,
  );
}

function IsResultSize(): PropertyDecorator {
  return applyDecorators(
    ToInteger(),
    IsOptional(),
    IsInt(fails('invalid_result_size')),
    Min(1, fails('invalid_result_size')),
    Max(MAX_SIZE, fails('invalid_result_size')),
  );
}

function IsResultStart(): PropertyDecorator {
  return applyDecorators(ToInteger(), IsOptional(), IsInt(), Min(0), Max(MAX_START));
}

/** The orders of a list that has names: from A, and from Z. */
const ORDERS = ['name', '-name'] as const;
export type Order = (typeof ORDERS)[number];

/** A parameter for the order of a list. The results of a search have an order of their own. */
export function IsOrder(): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({
      enum: ORDERS,
      description:
        'By name, or backwards. Without it the order is stable, and not alphabetical. It has no effect on a search.',
    }),
    IsOptional(),
    IsIn(ORDERS),
  );
}

class SearchQueryDto {
  @ApiPropertyOptional({
    description:
      'The beginning of a name or of a word in it, of an e-mail address, or of a third-party ID. Case and accents are ignored.',
    maxLength: 255,
    example: 'a',
  })
  @IsOptional()
  @IsString()
  @MaxLength(255)
  query?: string;
}

class SizeQueryDto extends SearchQueryDto {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_SIZE, default: DEFAULT_SIZE })
  @IsResultSize()
  resultSize: number = DEFAULT_SIZE;
}

/** The query of a list that is paged by a cursor: the end of the previous page (docs/api.md, section 2.7). */
export class CursorQueryDto extends SizeQueryDto {
  @ApiPropertyOptional({ description: 'The end of the previous page: its `pagination.lastOnPage`.', maxLength: 512 })
  @IsOptional()
  @IsString()
  @Matches(/^[\w-]*$/)
  @MaxLength(512)
  resultFrom?: string;
}

/** The query of a list that is paged by a cursor and can't be searched. */
export class PageQueryDto extends OmitType(CursorQueryDto, ['query']) {}

/** The query of a short list that is paged by the number of a row (docs/api.md, section 2.7). */
export class OffsetQueryDto extends SizeQueryDto {
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: MAX_START, default: 0 })
  @IsResultStart()
  resultStart: number = 0;
}

/** The query of a short list that is returned whole, up to 1000 rows, unless the client asks for a part of it. */
export class WholeListQueryDto extends SearchQueryDto {
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: MAX_START, default: 0 })
  @IsResultStart()
  resultStart: number = 0;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_SIZE,
    description: `Without it, all rows are returned, up to ${MAX_OPEN_SIZE}.`,
  })
  @IsResultSize()
  resultSize?: number;
}

/** The offset and limit of a list that is paged by the number of a row. */
export function rowsOf(query: { resultStart?: number; resultSize?: number }): { offset: number; limit: number } {
  return { offset: query.resultStart ?? 0, limit: query.resultSize ?? MAX_OPEN_SIZE };
}

/**
 * The query of a list that versions 2 and 2.1 page by the number of a row, and 2.1.1 by a cursor (docs/api.md, section
 * 15.1).
 */
export class VersionedQueryDto extends OmitType(CursorQueryDto, ['resultSize']) {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_SIZE, default: DEFAULT_SIZE })
  @IsResultSize()
  resultSize?: number;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: MAX_START,
    description: 'The number of the first row, from 0. Only in versions 2 and 2.1.',
  })
  @IsResultStart()
  resultStart?: number;
}

/**
 * The page that a version of the API answers with. Versions 2 and 2.1 answer with the whole list if there is no
 * `resultSize`.
 */
export function pageIn<Query extends VersionedQueryDto>(version: ApiVersion, query: Query): Query & PageQuery {
  if (version === '2.1.1') return { ...query, resultStart: undefined, resultSize: query.resultSize ?? DEFAULT_SIZE };
  return { ...query, resultSize: rowsOf(query).limit };
}

/** The number of rows, which only versions 2 and 2.1 answer with. */
export function totalIn(version: ApiVersion, { total }: PaginationDto): number | undefined {
  return version === '2.1.1' ? undefined : total;
}

export class PaginationDto {
  @ApiProperty({
    type: 'integer',
    description: `Rows on all pages. The results of a search, and lists in the order of time, are counted up to ${MAX_COUNTED}.`,
    example: 2,
  })
  total: number;

  @ApiPropertyOptional({
    description: 'The `resultFrom` of the next page. Absent from an empty page.',
    example: 'Zk1cVq0rTtWm8sQXq3bVxg',
  })
  lastOnPage?: string;

  @ApiProperty({ description: 'Whether there is a page after this one.', example: false })
  moreAvailable: boolean;
}

/** Which page of a list to read: after a cursor, or from the number of a row. */
export type PageQuery = CursorQueryDto & { resultStart?: number };

export interface Page {
  ids: string[];
  pagination: PaginationDto;
}

/**
 * Reads one page of `list`, ordered by `id`, a property that is unique among its rows. The page is a range of an index
 * that begins after the previous page, so rows that come or go meanwhile cause none to be skipped or repeated.
 *
 * Pass `total` if the number of rows is known already; otherwise the rows are counted.
 */
export async function pageById(
  list: SelectQueryBuilder<ObjectLiteral>,
  id: string,
  { query, resultFrom, resultStart, resultSize }: PageQuery,
  total?: number,
): Promise<Page> {
  const page = list
    .clone()
    .select(id, 'id')
    .orderBy(id)
    .offset(resultStart)
    .limit(resultSize + 1);
  if (resultFrom) page.andWhere(`${id} > :resultFrom`, { resultFrom });
  const found = await page.getRawMany<{ id: string }>();
  const ids = found.slice(0, resultSize).map((row) => row.id);
  return {
    ids,
    pagination: {
      total: total ?? (await count(list.clone().select(id, 'id'), query)),
      lastOnPage: ids.at(-1),
      moreAvailable: found.length > resultSize,
    },
  };
}

/**
 * Reads one page of search results, ordered by the terms that were found. The rows of `list` are search terms, `t`, of
 * one organization; `id` is the property that says which user or group a term belongs to.
 */
export async function pageByTerm(
  list: SelectQueryBuilder<ObjectLiteral>,
  id: string,
  range: TermRange,
  { query, resultFrom, resultStart, resultSize }: PageQuery,
): Promise<Page> {
  const after = resultFrom ? readPosition(resultFrom) : { term: range.from, id: '' };
  // A row with several matching terms is listed once, at the first of them.
  const first = list
    .subQuery()
    .select('1')
    .from(list.expressionMap.mainAlias!.target, 'earlier')
    .where(`earlier.${id} = t.${id} AND earlier.term >= :from AND earlier.term < t.term`)
    .getQuery();
  const all = list
    .clone()
    .select(`t.${id}`, 'id')
    .andWhere('t.term < :below AND NOT EXISTS ' + first, range);
  const page = all
    .clone()
    .addSelect('t.term', 'term')
    .andWhere(`(t.term, t.${id}) > (:term, :id)`, after)
    .orderBy('t.term')
    .addOrderBy(`t.${id}`)
    .offset(resultStart)
    .limit(resultSize + 1);
  return pageOfTerms(page, resultSize, () => count(all.andWhere('t.term >= :from'), query));
}

/**
 * Reads one page of `list`, ordered by name. Each of its rows has one search term in `NAMES`, `t`; `id` is the property
 * of `t` that says which user or group the term belongs to. Pass `total` if the number of rows is known already.
 */
export async function pageByName(
  list: SelectQueryBuilder<ObjectLiteral>,
  id: string,
  order: Order,
  { resultFrom, resultStart, resultSize }: PageQuery,
  total?: number,
): Promise<Page> {
  const [direction, after] = order === 'name' ? (['ASC', '>'] as const) : (['DESC', '<'] as const);
  const all = list.clone().select(`t.${id}`, 'id').andWhere('t.term >= :from AND t.term < :below', NAMES);
  const page = all
    .clone()
    .addSelect('t.term', 'term')
    .orderBy('t.term', direction)
    .addOrderBy(`t.${id}`, direction)
    .offset(resultStart)
    .limit(resultSize + 1);
  if (resultFrom) page.andWhere(`(t.term, t.${id}) ${after} (:term, :id)`, readPosition(resultFrom));
  return pageOfTerms(page, resultSize, () => (total === undefined ? count(all, undefined) : Promise.resolve(total)));
}

/** A page of rows that are ordered by a search term. */
async function pageOfTerms(
  page: SelectQueryBuilder<ObjectLiteral>,
  resultSize: number,
  total: () => Promise<number>,
): Promise<Page> {
  const found = await page.getRawMany<{ id: string; term: string }>();
  const shown = found.slice(0, resultSize);
  return {
    ids: shown.map((row) => row.id),
    pagination: {
      total: await total(),
      lastOnPage: shown.length > 0 ? writePosition(shown.at(-1)!) : undefined,
      moreAvailable: found.length > resultSize,
    },
  };
}

/** Counts the rows of a list. Search results are counted up to a limit. */
export function count(list: SelectQueryBuilder<ObjectLiteral>, query: string | undefined): Promise<number> {
  return countUpTo(query ? MAX_COUNTED : undefined, list);
}

/** Counts the rows of a list, up to a limit. */
export async function countUpTo(limit: number | undefined, list: SelectQueryBuilder<ObjectLiteral>): Promise<number> {
  const [sql, parameters] = list.limit(limit).getQueryAndParameters();
  const [row] = await list.dataSource.query<{ total: number | string }[]>(
    `SELECT COUNT(*) AS "total" FROM (${sql}) AS "counted"`,
    parameters,
  );
  return Number(row!.total);
}

/**
 * A position in the results of a search, as an opaque text. It stays valid when the row at this position is deleted.
 */
function writePosition({ term, id }: { term: string; id: string }): string {
  return Buffer.from(`${id} ${term}`).toString('base64url');
}

function readPosition(text: string): { term: string; id: string } {
  const position = Buffer.from(text, 'base64url').toString();
  const space = position.indexOf(' ');
  // Search terms and IDs contain no control characters, and PostgreSQL refuses NUL.
  if (space < 1 || /\p{Cc}/u.test(position)) throw notAPosition();
  return { id: position.slice(0, space), term: position.slice(space + 1) };
}

/** The error of a `resultFrom` that is no position in its list. */
export function notAPosition(): DomainError {
  return new DomainError('invalid_request', 'resultFrom must be the lastOnPage of a page of this search.');
}
