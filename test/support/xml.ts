/** An element as it stands. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Its own text, without that of elements in it. */
  readonly text: string;
}

const TAG = /<([a-z][a-z-]*)((?: [a-z]+="[^"<]*")*)(\/?)>|<\/([a-z][a-z-]*)>/y;
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/**
 * Reads XML more strictly than any parser: of all that XML has only elements, attributes, text and five entities.
 *
 * @throws Error at the first place that is not well-formed, or holds a character that XML 1.0 cannot
 * @see https://www.w3.org/TR/xml/#charsets
 */
export function parseXml(document: string): XmlElement {
  if (!document.startsWith(DECLARATION)) throw new Error('no declaration');
  const wrong = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.exec(document);
  if (wrong !== null)
    throw new Error(`U+${wrong[0].codePointAt(0)!.toString(16)} at ${wrong.index} is no character of XML`);
  const root = { name: '', attributes: {}, children: [] as XmlElement[], text: '' };
  const open = [root];
  for (let at = DECLARATION.length; at < document.length; ) {
    TAG.lastIndex = at;
    const found = TAG.exec(document);
    if (found === null) throw new Error(`no tag at ${at}: ${document.slice(at, at + 80)}`);
    const [whole, name, attributes = '', selfClosing, closed] = found;
    if (name !== undefined) {
      const element = { name, attributes: attributesOf(attributes), children: [], text: '' };
      open.at(-1)!.children.push(element);
      if (!selfClosing) open.push(element);
    } else if (open.length < 2 || open.pop()!.name !== closed) {
      throw new Error(`</${closed}> at ${at} closes another element`);
    }
    at += whole.length;
    const end = document.indexOf('<', at);
    const text = document.slice(at, end === -1 ? document.length : end);
    if (text.includes(']]>')) throw new Error(`]]> in text at ${at}`);
    open.at(-1)!.text += decoded(text);
    at += text.length;
  }
  if (open.length > 1 || root.children.length !== 1 || root.text.trim() !== '')
    throw new Error('not one whole element');
  return root.children[0]!;
}

function attributesOf(text: string): Record<string, string> {
  const entries = [...text.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(
    ([, name, value]) => [name!, decoded(value!)] as const,
  );
  if (new Set(entries.map(([name]) => name)).size < entries.length) throw new Error(`an attribute twice:${text}`);
  return Object.fromEntries(entries);
}

function decoded(text: string): string {
  return text.replace(/&([^;&]*;?)/g, (whole, name: string) => {
    const character = ENTITIES[name.slice(0, -1)];
    if (character === undefined || !name.endsWith(';')) throw new Error(`stray ${whole}`);
    return character;
  });
}
