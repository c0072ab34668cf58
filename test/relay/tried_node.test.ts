import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wasTried } from '../../src/relay/tried_node.ts';

test('only versions of Node that were tried are used otherwise than in public', () => {
  for (const version of ['20.19.0', '22.3.1', '26.10.0']) assert.equal(wasTried(version), true, version);
  for (const version of ['18.20.4', '27.0.0', '']) assert.equal(wasTried(version), false, version);
});
