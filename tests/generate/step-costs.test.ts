/** What is learnt from the time of steps, and what holds without any. */
import { expect, it } from 'vitest';
import { StepCosts } from '../../engine/generate/step-costs.ts';
import { CHUNK_TOKENS } from '../../engine/model/decoder/plan.ts';

it('a clock that stands still leaves the fixed numbers', () => {
  const costs = new StepCosts();
  const before = [1, 2, 3, 4, 8, 48].map((n) => costs.of(n));
  for (const n of [1, 4, 8, 48]) costs.record(n, 0, true);
  expect([1, 2, 3, 4, 8, 48].map((n) => costs.of(n))).toEqual(before);
  expect(costs.rowsWithin(50)).toBe(16);
});

it('learns what more rows cost, each number on its own', () => {
  const costs = new StepCosts();
  for (let i = 0; i < 100; i++) {
    costs.record(1, 5, true);
    costs.record(4, 10, true);
    costs.record(8, 25, true);
  }
  expect(costs.of(4)).toBeCloseTo(2, 1);
  expect(costs.of(8)).toBeCloseTo(5, 1);
  expect(costs.of(2)).toBe(new StepCosts().of(2));
  expect(costs.of(12)).toBe(new StepCosts().of(12));
});

it('forgets what is no longer measured', () => {
  const costs = new StepCosts();
  for (let i = 0; i < 100; i++) {
    costs.record(1, 5, true);
    costs.record(4, 100, true);
  }
  expect(costs.of(4)).toBeGreaterThan(15);
  for (let i = 0; i < 2000; i++) costs.record(1, 5, true);
  expect(costs.of(4)).toBeCloseTo(new StepCosts().of(4), 1);
});

it('rows within a time are whole tiles, at least one, at most a chunk', () => {
  const costs = new StepCosts();
  for (let i = 0; i < 50; i++) costs.record(48, 120, false);
  expect(costs.rowsWithin(50)).toBe(20);
  expect(costs.rowsWithin(1)).toBe(4);
  expect(costs.rowsWithin(1e6)).toBe(CHUNK_TOKENS);
  // Prompts whose logits nobody wants say nothing about streams.
  expect(costs.of(48)).toBe(new StepCosts().of(48));
});

it('one step that was interrupted changes little', () => {
  const costs = new StepCosts();
  for (let i = 0; i < 50; i++) costs.record(8, 20, true);
  costs.record(8, 5000, true);
  expect(costs.rowsWithin(100)).toBeGreaterThanOrEqual(32);
});
