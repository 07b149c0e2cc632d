// Preloaded with --require: lets this process pass for one that runs an old Node.
Object.defineProperty(process, 'version', { value: 'v20.20.2' });
