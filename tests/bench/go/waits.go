// SPDX-License-Identifier: MIT

/* waits - the items that wait for a lock, a timer or a context. */

package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// mutexPairs: n lock and unlock pairs on one mutex in all, shared out evenly
// to the goroutines; per pair.
func mutexPairs(goroutines, n int) (int, time.Duration) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	count := 0
	each := n / goroutines
	wg.Add(goroutines)
	start := time.Now()
	for t := 0; t < goroutines; t++ {
		go func() {
			for i := 0; i < each; i++ {
				mu.Lock()
				count++
				mu.Unlock()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	took := time.Since(start)
	check(count == each*goroutines, "mutex: count")
	return count, took
}

func mutex1(n int) (int, time.Duration) { return mutexPairs(1, n) }

func mutex4(n int) (int, time.Duration) { return mutexPairs(4, n) }

// rwmutexRead: n read lock and unlock pairs on one RWMutex in all, shared out
// evenly to four goroutines, of which each writes once at its end; per pair.
func rwmutexRead(n int) (int, time.Duration) {
	const goroutines = 4
	var mu sync.RWMutex
	var wg sync.WaitGroup
	count := 0
	each := n / goroutines
	wg.Add(goroutines)
	start := time.Now()
	for t := 0; t < goroutines; t++ {
		go func() {
			for i := 0; i < each; i++ {
				mu.RLock()
				mu.RUnlock()
			}
			mu.Lock()
			count += each
			mu.Unlock()
			wg.Done()
		}()
	}
	wg.Wait()
	took := time.Since(start)
	check(count == each*goroutines, "rwmutex_read: count")
	return count, took
}

// condBroadcast: n goroutines wait for one condition; from the broadcast until
// all have ended, per goroutine.
func condBroadcast(n int) (int, time.Duration) {
	var mu sync.Mutex
	var ended sync.WaitGroup
	cond := sync.NewCond(&mu)
	waiting, woken, open := 0, 0, false
	task := func() {
		mu.Lock()
		waiting++
		for !open {
			cond.Wait()
		}
		woken++
		mu.Unlock()
		ended.Done()
	}
	ended.Add(n)
	for i := 0; i < n; i++ {
		go task()
	}
	for all := false; !all; {
		runtime.Gosched()
		mu.Lock()
		all = waiting == n
		mu.Unlock()
	}
	start := time.Now()
	mu.Lock()
	open = true
	cond.Broadcast()
	mu.Unlock()
	ended.Wait()
	took := time.Since(start)
	check(woken == n, "cond_broadcast: woken")
	return n, took
}

// sleepers: n goroutines sleep 10 ms each; from before the first is started
// until the last has ended, per goroutine (so the sleep itself is a part).
func sleepers(n int) (int, time.Duration) {
	const nap = 10 * time.Millisecond
	var wg sync.WaitGroup
	task := func() {
		time.Sleep(nap)
		wg.Done()
	}
	wg.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		go task()
	}
	wg.Wait()
	took := time.Since(start)
	check(took >= nap, "sleepers: woken early")
	return n, took
}

// ctxCancel: n goroutines wait for one context to be cancelled; from the
// cancel until all have ended, per goroutine.
func ctxCancel(n int) (int, time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	var ready, ended sync.WaitGroup
	var woken atomic.Int64
	task := func() {
		ready.Done()
		<-ctx.Done()
		woken.Add(1)
		ended.Done()
	}
	ready.Add(n)
	ended.Add(n)
	for i := 0; i < n; i++ {
		go task()
	}
	ready.Wait()
	time.Sleep(time.Millisecond) // let the last ones reach their receive
	early := woken.Load()
	start := time.Now()
	cancel()
	ended.Wait()
	took := time.Since(start)
	check(early == 0 && woken.Load() == int64(n), "ctx_cancel: woken")
	return n, took
}
