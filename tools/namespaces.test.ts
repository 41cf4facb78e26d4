import { describe, expect, it } from 'vitest';
import { findObstacles } from './namespaces.mjs';

function machine(files: Readonly<Record<string, string>>): (file: string) => string {
  return (file) => files[file] ?? '';
}
const user = 1000;

describe('findObstacles', () => {
  it.each([
    ['kernel/unprivileged_userns_clone', '0', '1'],
    ['user/max_user_namespaces', '0', '15000'],
    ['kernel/apparmor_restrict_unprivileged_userns', '1', '0'],
  ])('names %s = %s with its remedy, and does not name %s', (name, bad, good) => {
    const setting = name.replace('/', '.');
    const found = findObstacles(machine({ [`/proc/sys/${name}`]: bad }), user);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${setting} is ${bad}: as root, sysctl -w ${setting}=`));
    expect(findObstacles(machine({ [`/proc/sys/${name}`]: good }), user)).toEqual([]);
  });

  it('names root without CAP_SYS_ADMIN', () => {
    const status = (mask: string): string => `Name:\tnode\nCapEff:\t${mask}\nSeccomp:\t0\n`;
    expect(findObstacles(machine({ '/proc/self/status': status('00000000a80425fb') }), 0)).toHaveLength(1);
    expect(findObstacles(machine({ '/proc/self/status': status('000001ffffffffff') }), 0)).toEqual([]);
  });
});
