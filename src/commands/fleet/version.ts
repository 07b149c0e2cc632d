export { default } from '../../cli/common/version-command.js';
