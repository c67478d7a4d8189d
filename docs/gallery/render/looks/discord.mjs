// An embed of Discord, dark, as its app shows it.
import { avatar, clock, escaped, link, markdown, page } from '../html.mjs';

const words = markdown('emphasis', 'strikethrough', 'escape', 'link', 'backticks', 'newline', 'list', 'blockquote');

const style = `
#message { background: #313338; color: #dbdee1; }
.avatar { border-radius: 50%; }
.from { font-weight: bold; color: #f2f3f5; }
.from small { font-weight: normal; color: #949ba4; margin-left: 6px; }
.from b { background: #5865f2; color: #fff; font-size: 10px; border-radius: 3px; padding: 1px 4px; margin-left: 4px; }
.embed { background: #2b2d31; border-left: 4px solid; border-radius: 4px; padding: 10px 14px 12px; margin-top: 4px; }
.embed p { margin: 0; }
.title { font-weight: bold; color: #f2f3f5; font-size: 16px; }
.title a, .embed a { color: #00a8fc; text-decoration: none; }
.embed > div { margin-top: 8px; font-size: 14px; }
.name { font-weight: bold; color: #f2f3f5; }
.embed footer { margin-top: 8px; font-size: 12px; color: #b5bac1; }`;

export function draw(body) {
  const { content = '', embeds = [] } = JSON.parse(body);
  return page({ style, body: `<div class="row">${avatar('#5865f2')}<div class="grow">
    <div class="from" data-around>Campanile<b>APP</b><small>${clock(embeds[0]?.timestamp)}</small></div>
    <div>${words.render(content)}</div>${embeds.map(embed).join('')}</div></div>` });
}

// A telephone is too narrow for fields beside each other.
function embed({ title, url, description = '', color = 0, fields = [], footer, timestamp }) {
  const rows = fields.map(({ name, value }) =>
    `<div><span class="name">${words.renderInline(name)}</span>${words.render(value)}</div>`);
  const foot = [footer?.text, timestamp && `Today at ${clock(timestamp)}`].filter(Boolean).join(' • ');
  return `<div class="embed" style="border-color:#${color.toString(16).padStart(6, '0')}">
    <span class="title">${link(url, words.renderInline(title))}</span>
    <div>${words.render(description)}</div>${rows.join('')}<footer>${escaped(foot)}</footer></div>`;
}
