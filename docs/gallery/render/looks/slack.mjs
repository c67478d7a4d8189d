// Blocks of Slack, by a renderer that follows Slack's own.
import { readFileSync } from 'node:fs';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { Message } from 'slack-blocks-to-jsx';
import { avatar, escaped, page } from '../html.mjs';

const sheet = readFileSync(new URL('../node_modules/slack-blocks-to-jsx/dist/style.css', import.meta.url), 'utf8');

const style = `
#message { background: #fff; color: #1d1c1d; }
.from { font-weight: bold; }
.from small { font-weight: normal; color: #616061; margin-left: 6px; }
.from b { background: #e8e8e8; color: #616061; font-size: 10px; border-radius: 3px; padding: 1px 4px; margin-left: 4px; }
.attachment { border-left: 4px solid; border-radius: 4px; padding-left: 10px; margin-top: 4px; }`;

export function draw(body, { at }) {
  const { blocks: top = [], attachments = [] } = JSON.parse(body);
  const shown = attachments.map((one) =>
    `<div class="attachment" style="border-color:${escaped(one.color)}">${blocks(one.blocks)}</div>`);
  return page({ style: sheet + style, body: `<div class="row">${avatar('#4a154b')}<div class="grow">
    <div class="from" data-around>Campanile<b>APP</b><small>${at}</small></div>${blocks(top)}${shown.join('')}</div></div>` });
}

const blocks = (list) => shown(renderToStaticMarkup(
  createElement(Message, { blocks: asSlackReads(list), logo: '', name: '', theme: 'light', withoutWrapper: true }),
));

// The renderer takes `verbatim` for 'no markup', where to Slack it is 'no links that are not marked
// as such'; and it looks for markup and emoji in `plain_text`, where to Slack there is none.
const asSlackReads = (value) => JSON.parse(JSON.stringify(value), (_, one) => {
  if (one?.type === 'mrkdwn') delete one.verbatim;
  if (one?.type === 'plain_text') one.text = hidden(one.text);
  return one;
});

// Characters that may be markup, as private ones that mean nothing to anybody, and back.
const PRIVATE = 0xe000;
const hidden = (text) => text.replace(/[!-/:-@[-`{-~]/g, (one) => String.fromCodePoint(PRIVATE + one.codePointAt(0)));
const shown = (html) => html.replace(/[\ue000-\ue07f]/g, (one) => escaped(String.fromCodePoint(one.codePointAt(0) - PRIVATE)));
