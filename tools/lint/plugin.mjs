// Rules that oxlint does not have. Plain ESTree visitors; tools/lint/plugin.test.ts proves that each can fail.

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

const MODE_NAMES = new Set(['iptables', 'ipvs', 'nftables', 'kernelspace', 'userspace']);

const noModeName = {
  create(context) {
    const check = (node, text) => {
      if (!MODE_NAMES.has(text)) return;
      context.report({
        node,
        message:
          'No name of a proxy mode outside modes/: what depends on the mode is a field of its ProxyMode.',
      });
    };
    return {
      Literal: (node) => check(node, node.value),
      TemplateLiteral(node) {
        if (node.expressions.length === 0) check(node, node.quasis[0].value.cooked);
      },
    };
  },
};

export default {
  meta: { name: 'signalbox' },
  rules: {
    'no-module-let': noModuleLet,
    'no-boolean-parameter': noBooleanParameter,
    'no-mode-name': noModeName,
  },
};
