/** What a statement of a command is, as far as it has to be known before it is sent. */
export interface CommandStatement {
  /** With the keywords for the time replaced by our function. */
  readonly text: string;
  /** It asks for the time, or for chance: the session has to be told which. */
  readonly varies: boolean;
  /** It may change something. */
  readonly writes: boolean;
  /** A SELECT whose rows come in no particular order. */
  readonly isUnordered: boolean;
  /** It inserts into this table (as it is written there) without naming all columns that stand here. */
  readonly insert: { readonly table: string; readonly columns: readonly string[] } | undefined;
}

/** Literals, quoted names, dollar quotes and comments: nothing in them is a keyword. */
const OPAQUE = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_]*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\//g;
const TIME_KEYWORD = /\b(CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME)\b(\s*\(\s*\d\s*\))?/gi;
const TIME_AS = {
  CURRENT_TIMESTAMP: '',
  CURRENT_DATE: '::date',
  CURRENT_TIME: '::timetz',
  LOCALTIMESTAMP: '::timestamp',
  LOCALTIME: '::time',
};
const VARYING =
  /\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|random|gen_random_uuid|uuid_generate_v4|uuidv4)\s*\(/i;
const INSERT =
  /^\s*INSERT\s+INTO\s+((?:"(?:[^"]|"")*"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[\w$]+))?)\s*(?:AS\s+[\w"]+\s*)?(\(([^)]*)\))?/i;
/** As TypeORM begins what it reads with; plain functions of the user may write. */
const READ = /^\s*SELECT\s+(DISTINCT\s+|COUNT\(|1\b|"|\*)/i;

const REMEMBERED = 500;
const known = new Map<string, CommandStatement>();

/** Looks at a statement once; texts of an application are few, and come again. */
export function commandStatement(text: string): CommandStatement {
  const remembered = known.get(text);
  if (remembered !== undefined) return remembered;
  const statement = look(text);
  if (known.size >= REMEMBERED) known.clear();
  known.set(text, statement);
  return statement;
}

function look(text: string): CommandStatement {
  const bare = text.replace(OPAQUE, (opaque) => (opaque.startsWith('"') ? opaque : ' '.repeat(opaque.length)));
  const replaced = bare.search(TIME_KEYWORD) < 0 ? text : withOurTime(text);
  const insert = INSERT.exec(text);
  const isSelect = /^\s*SELECT\b/i.test(bare);
  return {
    text: replaced,
    varies: replaced !== text || VARYING.test(bare),
    writes: !READ.test(text),
    isUnordered: isSelect && !/\bORDER\s+BY\b/i.test(bare),
    insert:
      insert === null
        ? undefined
        : {
            table: insert[1]!.replace(/\s/g, ''),
            columns: insert[3] === undefined ? [] : insert[3].split(',').map(unquoted),
          },
  };
}

/** What stands in quotes stays; the rest is searched for the keywords, which no search path can replace. */
function withOurTime(text: string): string {
  let from = 0;
  let replaced = '';
  const plain = (part: string): string =>
    part.replace(TIME_KEYWORD, (_all, keyword: string, precision: string | undefined) => {
      const cast = TIME_AS[keyword.toUpperCase() as keyof typeof TIME_AS];
      if (precision === undefined) return `now()${cast}`;
      return `now()${cast === '' ? '::timestamptz' : cast}${precision.replace(/\s/g, '')}`;
    });
  for (const opaque of text.matchAll(OPAQUE)) {
    replaced += plain(text.slice(from, opaque.index)) + opaque[0];
    from = opaque.index + opaque[0].length;
  }
  return replaced + plain(text.slice(from));
}

function unquoted(name: string): string {
  const trimmed = name.trim();
  return trimmed.startsWith('"') ? trimmed.slice(1, -1).replaceAll('""', '"') : trimmed.toLowerCase();
}
