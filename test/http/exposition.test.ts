import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exposition, type Family } from '../../src/http/exposition.ts';
import { parsedByPython, prometheusClientMissing } from '../support/openmetrics.ts';

const HISTOGRAM: Family = {
  name: 'wait_seconds',
  type: 'histogram',
  unit: 'seconds',
  help: 'How long.',
  samples: [
    {
      labels: { who: 'me' },
      buckets: [
        { le: 0.5, count: 2 },
        { le: 1, count: 3, exemplar: { labels: { trace: 'abc' }, value: 0.75 } },
        { le: Infinity, count: 5 },
      ],
      sum: 23.5,
    },
  ],
};

const FAMILIES: readonly Family[] = [
  {
    name: 'sent_bytes',
    type: 'counter',
    unit: 'bytes',
    help: 'Say "how much"\nand \\ why.',
    samples: [{ labels: { user: 'a"b\\c\nd' }, value: 23 }],
  },
  { name: 'open', type: 'gauge', unit: null, help: 'Now.', samples: [{ value: 1.5 }] },
  {
    name: 'build',
    type: 'info',
    unit: null,
    help: 'What.',
    samples: [{ labels: { version: '1' }, value: 1 }],
  },
  { name: 'nothing', type: 'gauge', unit: null, help: 'Has no samples.', samples: [] },
  HISTOGRAM,
];

describe('the text of metrics', () => {
  it('is that of OpenMetrics, with units and exemplars', () => {
    assert.deepEqual(exposition(FAMILIES, 'openmetrics').split('\n'), [
      '# TYPE sent_bytes counter',
      '# UNIT sent_bytes bytes',
      '# HELP sent_bytes Say \\"how much\\"\\nand \\\\ why.',
      'sent_bytes_total{user="a\\"b\\\\c\\nd"} 23',
      '# TYPE open gauge',
      '# HELP open Now.',
      'open 1.5',
      '# TYPE build info',
      '# HELP build What.',
      'build_info{version="1"} 1',
      '# TYPE wait_seconds histogram',
      '# UNIT wait_seconds seconds',
      '# HELP wait_seconds How long.',
      'wait_seconds_bucket{who="me",le="0.5"} 2',
      'wait_seconds_bucket{who="me",le="1.0"} 3 # {trace="abc"} 0.75',
      'wait_seconds_bucket{who="me",le="+Inf"} 5',
      'wait_seconds_count{who="me"} 5',
      'wait_seconds_sum{who="me"} 23.5',
      '# EOF',
      '',
    ]);
  });

  it('is that of Prometheus where that is asked for, without what it does not know', () => {
    const text = exposition(FAMILIES, 'prometheus');
    assert.match(
      text,
      /^# HELP sent_bytes_total Say "how much"\\nand \\\\ why\.\n# TYPE sent_bytes_total counter\n/,
    );
    assert.match(text, /\n# TYPE build_info gauge\n/);
    assert.doesNotMatch(text, /UNIT|EOF|abc/);
  });

  it('has valid UTF-8 without control characters in labels, whatever they are made of', () => {
    const user = '\uD800<script>\0\u001b[2J\u0085é';
    const family: Family = {
      name: 'x',
      type: 'gauge',
      unit: null,
      help: 'X.',
      samples: [{ labels: { user }, value: 1 }],
    };
    assert.match(
      exposition([family], 'openmetrics'),
      /^x\{user="\uFFFD<script>\uFFFD\uFFFD\[2J\uFFFDé"\} 1$/m,
    );
  });

  it(
    "is read by Prometheus' own client library as it was meant",
    { skip: prometheusClientMissing },
    async () => {
      const families = await parsedByPython(exposition(FAMILIES, 'openmetrics'), 'openmetrics');
      assert.deepEqual(
        families.map(({ name, type, unit }) => ({ name, type, unit })),
        [
          { name: 'sent_bytes', type: 'counter', unit: 'bytes' },
          { name: 'open', type: 'gauge', unit: '' },
          { name: 'build', type: 'info', unit: '' },
          { name: 'wait_seconds', type: 'histogram', unit: 'seconds' },
        ],
      );
      assert.deepEqual(families[0]!.samples, [
        { name: 'sent_bytes_total', labels: { user: 'a"b\\c\nd' }, value: 23 },
      ]);
      assert.equal(families[3]!.samples.length, 5);
    },
  );
});
