// Pieces of HTML that every look is made of.
import MarkdownIt from 'markdown-it';

const AMPERSANDS = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escaped = (text) => String(text).replace(/[&<>"]/g, (one) => AMPERSANDS[one]);

// A link as far as it is one: a service opens http and https, and nothing else.
export const link = (address, text) =>
  /^https?:\/\//.test(address) ? `<a href="${escaped(address)}">${text}</a>` : text;

// Markdown with these rules and no others, since services differ in what they know. HTML stays text.
export const markdown = (...rules) => new MarkdownIt('zero', { breaks: true, linkify: rules.includes('linkify') }).enable(rules);

// "2026-11-24T02:51:00.000Z" as a service on a telephone in Rome writes it.
export const clock = (time) =>
  new Date(time).toLocaleTimeString('en-GB', { timeZone: 'Europe/Rome', hour: '2-digit', minute: '2-digit' });

export const day = (time) => new Date(time).toLocaleString('en-GB', {
  timeZone: 'Europe/Rome', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit',
});

export const avatar = (background, letter = 'C') =>
  `<span class="avatar" style="background:${background}">${letter}</span>`;

// A page as wide as a telephone, in which `#message` is the picture.
export const page = ({ style = '', scripts = [], body }) => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><style>
* { box-sizing: border-box; }
body { margin: 0; }
#message { width: 400px; padding: 12px; overflow: hidden; overflow-wrap: anywhere;
  font: 15px/1.4 "Liberation Sans", "Droid Sans Fallback", "Noto Color Emoji", sans-serif; }
.avatar { display: inline-block; width: 36px; height: 36px; border-radius: 6px; color: #fff;
  font-weight: bold; line-height: 36px; text-align: center; flex: none; }
.row { display: flex; gap: 10px; }
.grow { flex: 1; min-width: 0; }
${style}
</style></head><body><main id="message">${body}</main>
${scripts.map((one) => `<script>${one}</script>`).join('\n')}
</body></html>`;
