/** A tag of a page, as it stands. */
export interface HtmlTag {
  name: string;
  attributes: Record<string, string>;
  /** Its own text, without that of elements in it; of scripts and styles, what they hold. */
  text: string;
}

const VOID = new Set(['meta']);
const RAW = new Set(['script', 'style']);
const TAG = /<([a-z][a-zA-Z0-9]*)((?: [a-zA-Z][a-zA-Z0-9-]*(?:="[^"<]*")?)*)(\/?)>|<\/([a-z][a-zA-Z0-9]*)>/y;

/**
 * Reads a page more strictly than any browser: double quotes only, every element closed in order, no `<` that does not
 * begin a tag, no `&` but the entities that this project writes.
 *
 * @throws Error at the first place that a browser would have to guess about
 */
export function parseHtml(page: string): HtmlTag[] {
  const doctype = '<!doctype html>\n';
  if (!page.startsWith(doctype)) throw new Error('no doctype');
  const tags: HtmlTag[] = [];
  const open: HtmlTag[] = [];
  let at = doctype.length;
  while (at < page.length) {
    TAG.lastIndex = at;
    const found = TAG.exec(page);
    if (found === null) throw new Error(`no tag at ${at}: ${page.slice(at, at + 80)}`);
    const [whole, name, attributes = '', selfClosing, closed] = found;
    at += whole.length;
    if (closed !== undefined && open.pop()?.name !== closed)
      throw new Error(`</${closed}> at ${at} closes another element`);
    const end = name !== undefined && RAW.has(name) ? page.indexOf(`</${name}`, at) : page.indexOf('<', at);
    const text = page.slice(at, end === -1 ? page.length : end);
    at += text.length;
    if (name !== undefined) {
      const tag = { name, attributes: attributesOf(attributes), text: '' };
      tags.push(tag);
      if (!selfClosing && !VOID.has(name)) open.push(tag);
    }
    const owner = open.at(-1);
    if (owner === undefined && text.trim() !== '') throw new Error(`text outside of the page at ${at}: ${text}`);
    if (owner !== undefined) owner.text += RAW.has(owner.name) ? text : decoded(text);
  }
  if (open.length > 0) throw new Error(`not closed: ${open.map(({ name }) => name).join(', ')}`);
  return tags;
}

function attributesOf(text: string): Record<string, string> {
  const found = text.matchAll(/ ([a-zA-Z][a-zA-Z0-9-]*)(?:="([^"]*)")?/g);
  return Object.fromEntries([...found].map(([, name, value = '']) => [name!, decoded(value)]));
}

function decoded(text: string): string {
  return text.replace(/&([a-z0-9#]*;?)/g, (whole, name: string) => {
    const character = ENTITIES[name];
    if (character === undefined) throw new Error(`stray ${whole}`);
    return character;
  });
}

const ENTITIES: Record<string, string> = { 'amp;': '&', 'lt;': '<', 'gt;': '>', 'quot;': '"', '#39;': "'" };
