import assert from 'node:assert/strict';
import test from 'node:test';

import { csv, json, StatisticsLog } from '../../viewer/web/statistics_log.js';

/** @param {string} name @param {Record<string, string>} units @returns {any} */
const head = (name, units) => ({
  name, statistics: Object.entries(units).map(([statistic, unit]) => ({ name: statistic, title: statistic, unit })),
});
const ball = head('ball', { speed: 'px/s', visible: '' });
const players = head('players', { count: '' });
/** @param {number} number @param {number} [session] */
const frame = (number, session = 1) => ({ session, number, pts: number * 3600 });

test('one row per frame, head and statistic that has a value, in order of the frames', () => {
  const log = new StatisticsLog();
  log.add(ball, frame(0), { visible: 0 });
  log.add(ball, frame(2), { speed: 12.345678, visible: 1 });
  log.add(players, frame(1), { count: 21 });
  log.add(players, frame(2), { count: 22 });
  assert.deepEqual(csv(log.rows(['ball', 'players'])).join('').split('\n'), [
    'number,pts_s,head,statistic,value,unit',
    '0,0.000,ball,visible,0,',
    '1,0.040,players,count,21,',
    '2,0.080,ball,speed,12.3457,px/s',
    '2,0.080,ball,visible,1,',
    '2,0.080,players,count,22,',
    '',
  ]);
});

test('JSON has the same rows, one per line', () => {
  const log = new StatisticsLog();
  assert.deepEqual(JSON.parse(json(log.rows([])).join('')), []);
  log.add(players, frame(3), { count: 20 });
  log.add(ball, frame(3), { speed: 0.5 });
  const text = json(log.rows(['ball', 'players'])).join('');
  assert.equal(text.split('\n').length, 5);
  assert.deepEqual(JSON.parse(text), [
    { number: 3, pts_s: 0.12, head: 'ball', statistic: 'speed', value: 0.5, unit: 'px/s' },
    { number: 3, pts_s: 0.12, head: 'players', statistic: 'count', value: 20, unit: '' },
  ]);
});

test('a lost connection goes on in the same table; another programme begins a new one', () => {
  const log = new StatisticsLog();
  assert.ok(log.empty);
  log.add(players, frame(10), { count: 1 });
  log.add(players, frame(15, 2), { count: 2 });
  assert.deepEqual([...log.rows([])].map((row) => row.number), [10, 15]);
  log.add(players, frame(0, 3), { count: 3 });
  assert.deepEqual([...log.rows([])].map((row) => row.number), [0]);
});

test('a long match is kept in bounds, the newest frames of it', () => {
  const log = new StatisticsLog();
  for (let number = 0; number < 220_000; number++) log.add(players, frame(number), { count: number % 23 });
  let rows = 0;
  let last = 0;
  for (const { number } of log.rows([])) {
    rows += 1;
    last = number;
  }
  assert.ok(rows <= 216_000 && rows > 210_000, String(rows));
  assert.equal(last, 219_999);
});

test('what CSV cannot carry as it is, is quoted', () => {
  const rows = [{ number: 1, pts_s: 0, head: 'a', statistic: 'b', value: 1, unit: 'm, "about"' }];
  assert.equal(csv(rows).join('').split('\n')[1], '1,0.000,a,b,1,"m, ""about"""');
});
