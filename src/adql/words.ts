/** The words of the language (ADQL 2.1 §2.1.3–4), and which of them a query may still use as a name by repair. */

const ADQL = `ABS ACOS AREA ASIN ATAN ATAN2 BIGINT BOX CEILING CENTROID CIRCLE CONTAINS COORD1 COORD2 COORDSYS COS
COT DEGREES DISTANCE EXP FLOOR ILIKE INTERSECTS IN_UNIT LOG LOG10 MOD OFFSET PI POINT POLYGON POWER RADIANS REGION
RAND ROUND SIN SQRT TOP TAN TRUNCATE`

const SQL = `ABSOLUTE ACTION ADD ALL ALLOCATE ALTER AND ANY ARE AS ASC ASSERTION AT AUTHORIZATION AVG BEGIN BETWEEN
BIT BIT_LENGTH BOTH BY CASCADE CASCADED CASE CAST CATALOG CHAR CHARACTER CHAR_LENGTH CHARACTER_LENGTH CHECK CLOSE
COALESCE COLLATE COLLATION COLUMN COMMIT CONNECT CONNECTION CONSTRAINT CONSTRAINTS CONTINUE CONVERT CORRESPONDING
COUNT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATE DAY DEALLOCATE
DECIMAL DECLARE DEFAULT DEFERRABLE DEFERRED DELETE DESC DESCRIBE DESCRIPTOR DIAGNOSTICS DISCONNECT DISTINCT DOMAIN
DOUBLE DROP ELSE END END-EXEC ESCAPE EXCEPT EXCEPTION EXEC EXECUTE EXISTS EXTERNAL EXTRACT FALSE FETCH FIRST FLOAT
FOR FOREIGN FOUND FROM FULL GET GLOBAL GO GOTO GRANT GROUP HAVING HOUR IDENTITY IMMEDIATE IN INDICATOR INITIALLY
INNER INPUT INSENSITIVE INSERT INT INTEGER INTERSECT INTERVAL INTO IS ISOLATION JOIN KEY LANGUAGE LAST LEADING LEFT
LEVEL LIKE LOCAL LOWER MATCH MAX MIN MINUTE MODULE MONTH NAMES NATIONAL NATURAL NCHAR NEXT NO NOT NULL NULLIF
NUMERIC OCTET_LENGTH OF ON ONLY OPEN OPTION OR ORDER OUTER OUTPUT OVERLAPS PAD PARTIAL POSITION PRECISION PREPARE
PRESERVE PRIMARY PRIOR PRIVILEGES PROCEDURE PUBLIC READ REAL REFERENCES RELATIVE RESTRICT REVOKE RIGHT ROLLBACK ROWS
SCHEMA SCROLL SECOND SECTION SELECT SESSION SESSION_USER SET SIZE SMALLINT SOME SPACE SQL SQLCODE SQLERROR SQLSTATE
SUBSTRING SUM SYSTEM_USER TABLE TEMPORARY THEN TIME TIMESTAMP TIMEZONE_HOUR TIMEZONE_MINUTE TO TRAILING TRANSACTION
TRANSLATE TRANSLATION TRIM TRUE UNION UNIQUE UNKNOWN UPDATE UPPER USAGE USER USING VALUE VALUES VARCHAR VARYING VIEW
WHEN WHENEVER WHERE WITH WORK WRITE YEAR ZONE`

/** Words that begin or join parts of a query: never a name unless quoted. */
const CLAUSES = `SELECT FROM WHERE GROUP HAVING ORDER OFFSET UNION EXCEPT INTERSECT ON USING JOIN WITH AND OR NOT`

/** Words with a place in the grammar, or in a foreign one: a name only after a dot. */
const STRUCTURE = `${CLAUSES} ALL ANY AS ASC AT BEGIN BETWEEN BY CASE COLLATE CORRESPONDING CREATE CROSS DELETE DESC
DISTINCT DROP ALTER ELSE END ESCAPE EXISTS FALSE FETCH FOR FULL GRANT ILIKE IN INNER INSERT INTO IS LEFT LIKE NATURAL
NULL OF ONLY OUTER OVERLAPS REVOKE RIGHT SET SOME THEN TOP TRUE UPDATE VALUES WHEN`

const split = (list: string) => list.split(/\s+/)

/** Upper-case spelling of a reserved word, by its upper-case and lower-case spelling. */
const SPELLINGS = new Map<string, string>()
for (const word of [...split(ADQL), ...split(SQL)]) {
  SPELLINGS.set(word, word)
  SPELLINGS.set(word.toLowerCase(), word)
}

const clauses = new Set(split(CLAUSES))
const structure = new Set(split(STRUCTURE))

/** The reserved word in upper case, or '' when the word is not reserved. */
export function reservedWord(word: string): string {
  return SPELLINGS.get(word) ?? (word.length > 17 ? '' : (SPELLINGS.get(word.toUpperCase()) ?? ''))
}

export function isReserved(word: string): boolean {
  return reservedWord(word) !== ''
}

export function isClauseWord(key: string): boolean {
  return clauses.has(key)
}

/** Whether a reserved word has no other meaning where a name could stand, as `size` or `distance`. */
export function isNameLike(key: string): boolean {
  return !structure.has(key)
}

/** The candidate that a misspelt word is nearest to, if it is near: one slip in short words, two in long ones. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const upper = word.toUpperCase()
  let best: string | undefined
  let least = upper.length <= 4 ? 1 : 2
  if (upper.length < 3) return undefined
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - upper.length) > least) continue
    const slips = distance(upper, candidate)
    if (slips < least || (slips === least && best === undefined)) {
      best = candidate
      least = slips
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let slips = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        slips = Math.min(slips, before[j - 2]! + 1)
      row.push(slips)
    }
    before = above
    above = row
  }
  return above[b.length]!
}
