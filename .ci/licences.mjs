// Which packages of a list have a licence that .ci/licences.json does not allow.
import { readFileSync } from 'node:fs';

const { allowed, exceptions } = JSON.parse(readFileSync(new URL('licences.json', import.meta.url), 'utf8'));

/** @typedef {{ name: string, licence: string | undefined }} Package */

/** @param {readonly Package[]} packages */
export function offenders(packages) {
  return packages.filter(({ name, licence }) => !isExcepted(name) && !isAllowed(licence ?? ''));
}

/** Exceptions that no package of these needs any more. */
export function unneeded(packages) {
  return Object.keys(exceptions).filter((pattern) => !packages.some(({ name }) => fits(name, pattern)));
}

function isExcepted(name) {
  return Object.keys(exceptions).some((pattern) => fits(name, pattern));
}

function fits(name, pattern) {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** An SPDX expression: of "OR" one side must be allowed, of "AND" both; AND binds closer. */
function isAllowed(expression) {
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? [];
  const either = () => {
    let good = both();
    while (tokens[0] === 'OR') {
      tokens.shift();
      good = both() || good;
    }
    return good;
  };
  const both = () => {
    let good = one();
    while (tokens[0] === 'AND') {
      tokens.shift();
      good = one() && good;
    }
    return good;
  };
  const one = () => {
    if (tokens[0] === '(') {
      tokens.shift();
      const good = either();
      return tokens.shift() === ')' && good;
    }
    let id = tokens.shift() ?? '';
    if (tokens[0] === 'WITH') id = `${id} ${tokens.shift()} ${tokens.shift()}`;
    return allowed.includes(id);
  };
  return either() && tokens.length === 0;
}

/** All that package-lock.json can install. @returns {Package[]} */
export function packagesOfLock(path) {
  return Object.entries(JSON.parse(readFileSync(path, 'utf8')).packages)
    .filter(([place]) => place !== '')
    .map(([place, { license }]) => ({ name: place.replace(/^.*node_modules\//, ''), licence: license }));
}
