import type { Files } from '../node/sysctl.ts';

/** Files in memory; a value of `EROFS` and the like makes writes fail so. */
export function fakeFiles(content: Record<string, string>, failing: Record<string, string> = {}) {
  const written: string[] = [];
  const files: Files = {
    read: (path) => {
      const value = content[path];
      if (value === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
      return `${value}\n`;
    },
    write: (path, value) => {
      const code = failing[path];
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      written.push(`${path}=${value}`);
      content[path] = value;
    },
  };
  return { files, written };
}
