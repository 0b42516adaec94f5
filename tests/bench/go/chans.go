// SPDX-License-Identifier: MIT

/* chans - the items that pass messages. In those with two sides of one
 * goroutine each, the caller is one of them. */

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

const buffered = 128

// chanPingpong: n round trips over two unbuffered channels; per round trip.
func chanPingpong(n int) (int, time.Duration) {
	a, b := make(chan int), make(chan int)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			b <- <-a + 1
		}
	}()
	sum := 0
	for i := 0; i < n; i++ {
		a <- i
		sum += <-b
	}
	took := time.Since(start)
	check(sum == n*(n+1)/2, "chan_pingpong: sum")
	return n, took
}

// selectPingpong: the same with every send and receive in a two-way select
// whose other way, a receive both sides share, is never ready.
func selectPingpong(n int) (int, time.Duration) {
	a, b, never := make(chan int), make(chan int), make(chan int)
	send := func(c chan<- int, v int) {
		select {
		case c <- v:
		case <-never:
			check(false, "select_pingpong: the never-ready way, sending")
		}
	}
	receive := func(c <-chan int) int {
		select {
		case v := <-c:
			return v
		case <-never:
			check(false, "select_pingpong: the never-ready way, receiving")
		}
		return 0
	}
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			send(b, receive(a)+1)
		}
	}()
	sum := 0
	for i := 0; i < n; i++ {
		send(a, i)
		sum += receive(b)
	}
	took := time.Since(start)
	check(sum == n*(n+1)/2, "select_pingpong: sum")
	return n, took
}

// chanSpsc: n messages from one goroutine to the caller through a buffer of
// 128; per message.
func chanSpsc(n int) (int, time.Duration) {
	c := make(chan int, buffered)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			c <- i
		}
	}()
	sum := 0
	for i := 0; i < n; i++ {
		sum += <-c
	}
	took := time.Since(start)
	check(sum == n*(n-1)/2, "chan_spsc: sum")
	return n, took
}

// chanMpmc: n messages in all from four goroutines to four others through one
// buffer of 128, closed when the last is sent; per message. Each producer
// sends 0 to n/4 - 1.
func chanMpmc(n int) (int, time.Duration) {
	const sides = 4
	c := make(chan int, buffered)
	var producers, consumers sync.WaitGroup
	var sum atomic.Int64
	each := n / sides
	producers.Add(sides)
	consumers.Add(sides)
	start := time.Now()
	for t := 0; t < sides; t++ {
		go func() {
			for i := 0; i < each; i++ {
				c <- i
			}
			producers.Done()
		}()
		go func() {
			part := 0
			for v := range c {
				part += v
			}
			sum.Add(int64(part))
			consumers.Done()
		}()
	}
	producers.Wait()
	close(c)
	consumers.Wait()
	took := time.Since(start)
	check(sum.Load() == int64(sides*(each*(each-1)/2)), "chan_mpmc: sum")
	return each * sides, took
}

// ringHop: the size is how often one message goes round a ring of 1000
// goroutines linked by unbuffered channels; per hop. The caller puts the
// message in and the last goroutine hands it back at the end; the goroutines
// are started before the clock.
func ringHop(rounds int) (int, time.Duration) {
	const ring = 1000
	done := make(chan int)
	first := make(chan int)
	node := func(in <-chan int, out chan<- int, n int) {
		for i := 0; i < n; i++ {
			out <- <-in + 1
		}
	}
	in := first
	for i := 0; i < ring-1; i++ {
		out := make(chan int)
		go node(in, out, rounds)
		in = out
	}
	go func() {
		node(in, first, rounds-1)
		done <- <-in + 1
	}()
	start := time.Now()
	first <- 0
	hops := <-done
	took := time.Since(start)
	check(hops == ring*rounds, "ring_hop: hops")
	return hops, took
}

// skynetNode sends to up the sum of the leaves number .. number + leaves - 1:
// its own number for a leaf, else what its ten children send to its channel.
func skynetNode(up chan<- int, number, leaves int) {
	if leaves == 1 {
		up <- number
		return
	}
	const fanOut = 10
	c := make(chan int)
	for i := 0; i < fanOut; i++ {
		go skynetNode(c, number+i*leaves/fanOut, leaves/fanOut)
	}
	sum := 0
	for i := 0; i < fanOut; i++ {
		sum += <-c
	}
	up <- sum
}

// skynet: the size is the number of leaves, a power of ten. Every node is a
// goroutine; the channels are unbuffered. Per leaf.
func skynet(leaves int) (int, time.Duration) {
	c := make(chan int)
	start := time.Now()
	go skynetNode(c, 0, leaves)
	sum := <-c
	took := time.Since(start)
	check(sum == leaves*(leaves-1)/2, "skynet: sum")
	return leaves, took
}
