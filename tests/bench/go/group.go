// SPDX-License-Identifier: MIT

/* group - goroutines under a group: what golang.org/x/sync/errgroup does, which isn't in Go's own library. */

package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A group runs functions in goroutines; its first error cancels its context.
type group struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	places chan struct{} // nil: no limit
	once   sync.Once
	err    error
}

func newGroup(parent context.Context) (*group, context.Context) {
	ctx, cancel := context.WithCancel(parent)
	return &group{cancel: cancel}, ctx
}

func (g *group) start(fn func() error) {
	if g.places != nil {
		g.places <- struct{}{}
	}
	g.wg.Add(1)
	go func() {
		defer g.done()
		if err := fn(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel()
			})
		}
	}()
}

func (g *group) done() {
	if g.places != nil {
		<-g.places
	}
	g.wg.Done()
}

func (g *group) wait() error {
	g.wg.Wait()
	g.cancel()
	return g.err
}

// groupGo: n batches of 1000 goroutines that return nil, each batch under a
// group with a context; per goroutine.
func groupGo(n int) (int, time.Duration) {
	const batch = 1000
	succeed := func() error { return nil }
	start := time.Now()
	for i := 0; i < n; i++ {
		g, _ := newGroup(context.Background())
		for j := 0; j < batch; j++ {
			g.start(succeed)
		}
		check(g.wait() == nil, "group_go: result")
	}
	took := time.Since(start)
	g, ctx := newGroup(context.Background())
	g.start(func() error { return errors.New("failed") })
	check(g.wait() != nil && ctx.Err() != nil, "group_go: error")
	return n * batch, took
}
