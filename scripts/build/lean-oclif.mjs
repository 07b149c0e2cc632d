import { sep } from 'node:path';

/** Files of @oclif/core/lib by path, with what takes their place. */
const REPLACED_FILES = {
  // Only these names may be imported from @oclif/core; another one fails the build.
  'index.js': `
    export * as Args from './args';
    export { Command } from './command';
    export * as Flags from './flags';
  `,
  // Commands get what dispatch.ts makes, help is rendered at build time, and BaseCommand prints failures.
  'config/index.js': 'export class Config {}',
  'errors/handle.js': 'export const handle = undefined;',
  'errors/errors/pretty-print.js':
    'export default () => undefined; export const applyPrettyPrintOptions = (error) => error;',
  'help/index.js': 'export const loadHelpClass = undefined;',
  'screen.js': 'export const stdtermwidth = 80, errtermwidth = 80;',
  'ux/index.js': `
    import { stderr, stdout } from './write';
    export const ux = { stderr, stdout };
  `,
  'ux/theme.js': 'export const colorize = (color, text) => text;',
};

/** What its remaining files import and hardly or never use, with what takes their place there. */
const REPLACED_IMPORTS = {
  'clean-stack': 'module.exports = (stack) => stack;',
  debug: 'module.exports = () => Object.assign(() => {}, { enabled: false });',
  ejs: 'module.exports = undefined;',
  'indent-string': 'module.exports = (text) => text;',
  'node:readline': `exports.createInterface = (options) => process.getBuiltinModule('node:readline').createInterface(options);`,
  'wrap-ansi': 'module.exports = (text) => text;',
};

/**
 * Leaves out of the bundle what a command never needs once the manifest has named it: oclif's plugin
 * loader, help renderer and error printer with their libraries. Most of the start-up time was theirs.
 */
export function leanOclif() {
  const lib = ['@oclif', 'core', 'lib', ''].join(sep);
  return {
    name: 'lean-oclif',
    setup(builder) {
      builder.onLoad({ filter: /@oclif[\\/]core[\\/]lib[\\/].*\.js$/ }, ({ path }) => {
        const contents = REPLACED_FILES[path.slice(path.lastIndexOf(lib) + lib.length).replaceAll(sep, '/')];
        return contents && { contents, loader: 'js' };
      });
      builder.onResolve(
        { filter: new RegExp(`^(${Object.keys(REPLACED_IMPORTS).join('|')})$`) },
        ({ path, importer }) => (importer.includes(lib) ? { path, namespace: 'lean-oclif' } : undefined),
      );
      builder.onLoad({ filter: /.*/, namespace: 'lean-oclif' }, ({ path }) => ({ contents: REPLACED_IMPORTS[path] }));
    },
  };
}
