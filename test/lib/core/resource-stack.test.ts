import { expect, test } from 'vitest';
import { ResourceStack } from '../../../src/lib/core/resource-stack.js';

function resource(name: string, closed: string[], failure?: Error): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      closed.push(name);
      if (failure) throw failure;
    },
  };
}

test('closes in the reverse order, once', async () => {
  const closed: string[] = [];
  const stack = new ResourceStack();
  for (const name of ['a', 'b', 'c']) stack.use(resource(name, closed));
  await stack[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
  expect(closed).toEqual(['c', 'b', 'a']);
});

test('what has been moved is closed by the new owner only', async () => {
  const closed: string[] = [];
  const stack = new ResourceStack();
  stack.use(resource('a', closed));
  const moved = stack.move();
  await stack[Symbol.asyncDispose]();
  expect(closed).toEqual([]);
  await moved[Symbol.asyncDispose]();
  expect(closed).toEqual(['a']);
});

test('one that fails does not keep the others open', async () => {
  const closed: string[] = [];
  const stack = new ResourceStack();
  stack.use(resource('a', closed));
  stack.use(resource('b', closed, new Error('b cannot be closed')));
  stack.use(resource('c', closed, new Error('c cannot be closed')));
  await expect(stack[Symbol.asyncDispose]()).rejects.toThrow('c cannot be closed');
  expect(closed).toEqual(['c', 'b', 'a']);
});
