import { join, sep } from 'node:path';

/**
 * Leaves out of the bundle what a command never needs once the manifest has named it: oclif's plugin
 * loader and its help renderer (help is rendered at build time). Half of the start-up time was theirs.
 */
export function leanOclif() {
  const lib = ['', 'core', 'lib', ''].join(sep);
  const replaced = {
    // Only these names may be imported from @oclif/core; another one fails the build.
    'index.js': `
      export * as Args from './args';
      export { Command } from './command';
      export * as Errors from './errors';
      export { handle } from './errors/handle';
      export * as Flags from './flags';
      export { flush } from './flush';
      export { ux } from './ux';
    `,
    [join('config', 'index.js')]: 'export class Config {}',
    [join('help', 'index.js')]: `
      export class Help {}
      export const loadHelpClass = () => Help;
    `,
  };
  return {
    name: 'lean-oclif',
    setup(builder) {
      builder.onLoad({ filter: /@oclif[\\/]core[\\/]lib[\\/](config[\\/]|help[\\/])?index\.js$/ }, ({ path }) => ({
        contents: replaced[path.slice(path.indexOf(lib) + lib.length)],
        loader: 'js',
      }));
    },
  };
}
