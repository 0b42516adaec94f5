// SPDX-License-Identifier: MIT

/* tasks - the items that start goroutines, switch between them and join them. */

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// yield: two goroutines call Gosched n times each; per call.
func yield(n int) (int, time.Duration) {
	var wg sync.WaitGroup
	var calls atomic.Int64
	wg.Add(2)
	start := time.Now()
	for t := 0; t < 2; t++ {
		go func() {
			i := 0
			for ; i < n; i++ {
				runtime.Gosched()
			}
			calls.Add(int64(i))
			wg.Done()
		}()
	}
	wg.Wait()
	took := time.Since(start)
	check(calls.Load() == int64(2*n), "yield: calls")
	return 2 * n, took
}

// spawnWait: n times, start one empty goroutine and wait for it. Its function
// value is made once, which spares Go an allocation at every start.
func spawnWait(n int) (int, time.Duration) {
	var wg sync.WaitGroup
	empty := func() { wg.Done() }
	start := time.Now()
	for i := 0; i < n; i++ {
		wg.Add(1)
		go empty()
		wg.Wait()
	}
	return n, time.Since(start)
}

// spawnBatch: n batches of 1000 empty goroutines; per goroutine.
func spawnBatch(n int) (int, time.Duration) {
	const batch = 1000
	var wg sync.WaitGroup
	empty := func() { wg.Done() }
	start := time.Now()
	for i := 0; i < n; i++ {
		wg.Add(batch)
		for j := 0; j < batch; j++ {
			go empty()
		}
		wg.Wait()
	}
	return n * batch, time.Since(start)
}

//go:noinline
func fibTask(n int) int {
	if n < 2 {
		return n
	}
	var wg sync.WaitGroup
	var a int
	wg.Add(1)
	go func() {
		a = fibTask(n - 1)
		wg.Done()
	}()
	b := fibTask(n - 2)
	wg.Wait()
	return a + b
}

// fib: the size is n; per goroutine started, which is one for each call with
// n >= 2, so fib(n+1) - 1 in all (317,810 for fib(27)).
func fib(n int) (int, time.Duration) {
	start := time.Now()
	got := fibTask(n)
	took := time.Since(start)
	a, b := 0, 1 // fib(i), fib(i+1)
	for i := 0; i < n; i++ {
		a, b = b, a+b
	}
	check(got == a, "fib: value")
	return b - 1, took
}

const (
	churnRounds = 20
	churnDepths = 20
	churnWords  = 8
	churnStep   = 0x9e3779b97f4a7c15
)

// descend yields under depth frames of eight words each. Word i of a frame is
// seed + i * churnStep, the next frame's seed is word 7 + 1, and each frame
// looks at its words again on the way back. It returns how many were wrong.
//
//go:noinline
func descend(depth int, seed uint64) int {
	if depth == 0 {
		runtime.Gosched()
		return 0
	}
	var words [churnWords]uint64
	for i := range words {
		words[i] = seed + uint64(i)*churnStep
	}
	wrong := descend(depth-1, words[churnWords-1]+1)
	for i := range words {
		if words[i] != seed+uint64(i)*churnStep {
			wrong++
		}
	}
	return wrong
}

// churn: n goroutines, all alive together, of 20 rounds each: step a linear
// congruential generator that starts at the goroutine's number, take the depth
// from its upper bits and the seed from the whole, descend. Per yield.
func churn(n int) (int, time.Duration) {
	var wg sync.WaitGroup
	var wrong, yields atomic.Int64
	task := func(id uint64) {
		state, bad, rounds := id, 0, 0
		for ; rounds < churnRounds; rounds++ {
			state = state*6364136223846793005 + 1442695040888963407
			bad += descend(int((state>>33)%churnDepths), state)
		}
		if bad != 0 {
			wrong.Add(int64(bad))
		}
		yields.Add(int64(rounds))
		wg.Done()
	}
	wg.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		go task(uint64(i))
	}
	wg.Wait()
	took := time.Since(start)
	check(wrong.Load() == 0, "churn: words")
	check(yields.Load() == int64(n*churnRounds), "churn: yields")
	return n * churnRounds, took
}
