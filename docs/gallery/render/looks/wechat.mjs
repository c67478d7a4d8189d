// A message of a group's robot in WeCom.
import { avatar, escaped, markdown, page } from '../html.mjs';

const words = markdown('link', 'backticks');
const COLORS = { info: '#19be6b', comment: '#888888', warning: '#fa6400' };

const style = `
#message { background: #ededed; }
.avatar { background: #2f7de1; }
.name { font-size: 12px; color: #888; }
.bubble { background: #fff; border-radius: 8px; padding: 10px 12px; margin-top: 2px; }
.bubble h3 { margin: 0 0 4px; font-size: 17px; line-height: 1.3; }
.bubble p { margin: 0 0 2px; min-height: 4px; }
.bubble p.quote { margin: 0; padding-left: 8px; border-left: 3px solid #ddd; }
a { color: #2f7de1; text-decoration: none; }`;

// WeCom reads its markdown line by line.
export function draw(body) {
  const { msgtype, [msgtype]: { content } } = JSON.parse(body);
  const lines = content.split('\n').map(msgtype === 'text' ? (one) => `<p>${escaped(one)}</p>` : line);
  return page({ style, body: `<div class="row">${avatar('#2f7de1')}<div class="grow">
    <div class="name" data-around>Campanile</div><div class="bubble">${lines.join('')}</div></div></div>` });
}

function line(text) {
  const [, mark, rest] = text.match(/^(#{1,6} |> ?|)(.*)$/);
  const shown = words.renderInline(rest)
    .replace(/&lt;font color=&quot;(info|comment|warning)&quot;&gt;/g, (_, color) => `<span style="color:${COLORS[color]}">`)
    .replaceAll('&lt;/font&gt;', '</span>')
    .replace(/\*\*(.+?)\*\*/g, '<b>$1</b>');
  if (mark.startsWith('#')) return `<h3>${shown}</h3>`;
  return mark ? `<p class="quote">${shown}</p>` : `<p>${shown}</p>`;
}
