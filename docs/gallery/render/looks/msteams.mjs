// An Adaptive Card, by Microsoft's own renderer with the settings of Teams.
import { readFileSync } from 'node:fs';
import { avatar, page } from '../html.mjs';

const file = (name) => readFileSync(new URL(`../node_modules/${name}`, import.meta.url), 'utf8');
const renderer = file('adaptivecards/dist/adaptivecards.min.js');
const markdown = file('markdown-it/dist/browser/markdown-it.umd.min.js');

const style = `
#message { background: #f5f5f5; color: #242424; }
.from { font-weight: bold; }
.from small { font-weight: normal; color: #616161; margin-left: 6px; }
#card { background: #fff; border: 1px solid #e1e1e1; border-radius: 6px; margin-top: 6px; }
#card p { margin: 0; }
#card a { color: #4f52b2; }
.ac-pushButton { background: #fff; border: 1px solid #d1d1d1; border-radius: 4px; padding: 6px 12px; font: inherit; font-weight: bold; }`;

const colors = (accent, attention, good, warning) => ({
  default: { default: '#242424', subtle: '#616161' },
  accent: { default: accent, subtle: accent },
  attention: { default: attention, subtle: attention },
  good: { default: good, subtle: good },
  warning: { default: warning, subtle: warning },
});
const container = (backgroundColor) => ({ backgroundColor, foregroundColors: colors('#5b5fc7', '#c4314b', '#237b4b', '#835c00') });
const hostConfig = {
  fontFamily: '"Liberation Sans", "Noto Color Emoji", sans-serif',
  fontSizes: { small: 12, default: 14, medium: 16, large: 18, extraLarge: 24 },
  fontWeights: { lighter: 400, default: 400, bolder: 700 },
  lineHeights: { small: 16, default: 20, medium: 22, large: 24, extraLarge: 32 },
  spacing: { small: 8, default: 12, medium: 16, large: 20, extraLarge: 24, padding: 16 },
  separator: { lineThickness: 1, lineColor: '#e1e1e1' },
  factSet: { title: { weight: 'bolder', wrap: true, maxWidth: 110 }, value: { wrap: true }, spacing: 16 },
  containerStyles: {
    default: container('#ffffff'), emphasis: container('#f5f5f5'), accent: container('#e8ebfa'),
    good: container('#e7f2da'), attention: container('#fcf4f6'), warning: container('#fbf6d9'),
  },
};

// Teams knows a part of Markdown in cards: no headings, tables, pictures.
const script = (card) => `
const words = markdownit('zero', { breaks: true }).enable(['emphasis', 'escape', 'link', 'list', 'newline', 'entity']);
AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  result.outputHtml = words.render(text);
  result.didProcess = true;
};
const card = new AdaptiveCards.AdaptiveCard();
card.hostConfig = new AdaptiveCards.HostConfig(${JSON.stringify(hostConfig)});
card.parse(${JSON.stringify(card).replaceAll('<', '\\u003c')});
document.getElementById('card').append(card.render());`;

export function draw(body, { at }) {
  const { attachments } = JSON.parse(body);
  return page({
    style,
    scripts: [renderer, markdown, script(attachments[0].content)],
    body: `<div class="row">${avatar('#5b5fc7')}<div class="grow">
      <div class="from" data-around>Workflows<small>${at}</small></div><div id="card"></div></div></div>`,
  });
}
