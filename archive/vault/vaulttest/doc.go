// Package vaulttest helps to test what uses a vault: a store in memory
// ([NewMemory], [New]), one with policies, holds and an archive tier
// ([NewGuarded]), wrappers that make a store misbehave ([FailCreate],
// [NoSpace], [Gate], [FlipByte], [Truncate], [Vanish]), and one that counts
// requests ([Count]).
//
// Every wrapper is a [Fault] that counts how often it struck; a test that
// injects faults registers them with [MustHit], so that a fault which never
// struck fails the test instead of proving nothing.
package vaulttest
