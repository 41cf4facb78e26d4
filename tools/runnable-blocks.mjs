// Fenced blocks of a Markdown file that tests run: ```sh runnable, ```js runnable; ```text output has what the block before it prints.

/** In order; `output` is `null` where the file does not show it. */
export function runnableBlocks(markdown, language) {
  const blocks = [];
  for (const [, info, body] of markdown.matchAll(/^```(\w+ \w+)\n([\s\S]*?)^```$/gm)) {
    if (info === `${language} runnable`) blocks.push({ script: body, output: null });
    else if (info === 'text output' && blocks.length > 0) blocks.at(-1).output = body;
  }
  return blocks;
}
