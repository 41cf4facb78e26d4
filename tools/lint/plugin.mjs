// Rules that oxlint does not have. Plain ESTree visitors; tools/lint/plugin.test.ts proves that each can fail.
import { readdirSync, readFileSync } from 'node:fs';

const noModuleLet = {
  create(context) {
    return {
      VariableDeclaration(node) {
        const parent = node.parent?.type;
        const top = parent === 'Program' || parent === 'ExportNamedDeclaration';
        if (top && node.kind === 'let') {
          context.report({
            node,
            message: 'No module-level `let`: state lives in what a create…() function returns.',
          });
        }
      },
    };
  },
};

function isBoolean(param) {
  const target = param.type === 'AssignmentPattern' ? param.left : param;
  const annotation = target.typeAnnotation?.typeAnnotation;
  if (annotation?.type === 'TSBooleanKeyword') return true;
  return param.type === 'AssignmentPattern' && typeof param.right.value === 'boolean';
}

const noBooleanParameter = {
  create(context) {
    const check = (fn) => {
      for (const param of fn.params) {
        if (isBoolean(param)) {
          context.report({
            node: param,
            message: 'No boolean parameter in an exported function: use a named object or a union.',
          });
        }
      }
    };
    return {
      ExportNamedDeclaration(node) {
        if (node.declaration?.type === 'FunctionDeclaration') check(node.declaration);
      },
    };
  },
};

/** Read from the records in modes/, so that a new mode is covered without a change here. */
function modeNames() {
  const folder = new URL('../../apps/proxy/src/modes/', import.meta.url);
  const texts = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'));
  return texts.flatMap((text) => /: ProxyMode = \{\s+name: '(\w+)'/.exec(text)?.[1] ?? []);
}

const MODE_NAMES = new Set(modeNames());
if (MODE_NAMES.size === 0) throw new Error('apps/proxy/src/modes: no record of a proxy mode found');

const keyOf = ({ key }) => key?.name ?? key?.value;

const noModeName = {
  create(context) {
    const report = (node) =>
      context.report({
        node,
        message:
          'No name of a proxy mode outside modes/: what depends on the mode is a field of its ProxyMode.',
      });
    const check = (node, text) => {
      if (MODE_NAMES.has(text)) report(node);
    };
    const checkTable = (node, members) => {
      if (members.filter((member) => MODE_NAMES.has(keyOf(member))).length > 1) report(node);
    };
    return {
      Literal(node) {
        const words = node.regex === undefined ? [node.value] : node.regex.pattern.split(/\W+/);
        if (words.some((word) => MODE_NAMES.has(word))) report(node);
      },
      TemplateLiteral(node) {
        if (node.expressions.length === 0) check(node, node.quasis[0].value.cooked);
      },
      ObjectExpression: (node) => checkTable(node, node.properties),
      TSTypeLiteral: (node) => checkTable(node, node.members),
      TSInterfaceBody: (node) => checkTable(node, node.body),
      ImportDeclaration: (node) => check(node, /\/modes\/(\w+)\.ts$/.exec(node.source.value)?.[1]),
    };
  },
};

const TIMERS = new Set(['setTimeout', 'setInterval']);
const READINGS = new Set(['Date.now', 'performance.now', 'Math.random']);

const oneClock = {
  create(context) {
    const report = (node) =>
      context.report({
        node,
        message: 'Time and randomness come from a Clock: an argument, `systemClock` by default.',
      });
    return {
      CallExpression(node) {
        if (TIMERS.has(node.callee.name)) report(node);
      },
      MemberExpression(node) {
        if (!node.computed && READINGS.has(`${node.object.name}.${node.property.name}`)) report(node);
      },
      NewExpression(node) {
        if (node.callee.name === 'Date' && node.arguments.length === 0) report(node);
      },
      ImportDeclaration(node) {
        if (/^(node:)?timers/.test(node.source.value)) report(node);
      },
    };
  },
};

const LOG_CALLS = new Set(['info', 'warning', 'error', 'debug']);

/** The text of a literal or template; expressions in it are words that begin with a capital. */
function textOf(node) {
  if (typeof node?.value === 'string') return node.value;
  return node?.type === 'TemplateLiteral' ? node.quasis.map(({ value }) => value.cooked).join('X') : null;
}

const logMessage = {
  create(context) {
    return {
      CallExpression({ callee, arguments: given }) {
        if (callee.object?.name !== 'logger' && callee.object?.property?.name !== 'logger') return;
        if (!LOG_CALLS.has(callee.property?.name)) return;
        for (const node of given) {
          const text = textOf(node);
          if (text !== null && !/^\p{Lu}(.*[^.])?$/su.test(text)) {
            context.report({ node, message: 'A log message begins with a capital and has no final stop.' });
          }
        }
      },
    };
  },
};

const noClass = {
  create(context) {
    const check = (node) => {
      if (node.superClass === null) {
        context.report({
          node,
          message: 'State lives in what a create…() function returns, not in a class.',
        });
      }
    };
    return { ClassDeclaration: check, ClassExpression: check };
  },
};

export default {
  meta: { name: 'signalbox' },
  rules: {
    'no-module-let': noModuleLet,
    'no-boolean-parameter': noBooleanParameter,
    'no-mode-name': noModeName,
    'one-clock': oneClock,
    'log-message': logMessage,
    'no-class': noClass,
  },
};
