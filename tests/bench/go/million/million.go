// SPDX-License-Identifier: MIT

/* million - the Go twin of examples/million: start a million goroutines, each
 * parked and alive, weigh them, pass messages beside them and end them all.
 * Job:    launch cold, weigh, pass messages, shut down; launch again warm (the
 *         runtime reuses the goroutines it has kept), shut down; give memory
 *         back and weigh again.
 * Holds:  M1 a goroutine counts as parked once it has announced itself: its
 *         next step is the receive on the gate.
 *         M2 weights are VmRSS + VmPTE: what the process holds, page tables
 *         included. */

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const usage = "usage: million [--tasks N] [--messages M] [--procs P] [--json]"

type options struct {
	tasks    int
	messages int
	procs    int // 0: as many as Go chooses
	json     bool
}

func fail(status int, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "million: "+format+"\n", args...)
	if status == 2 {
		fmt.Fprintln(os.Stderr, usage)
	}
	os.Exit(status)
}

func parse(args []string) options {
	o := options{tasks: 1000000, messages: 100000}
	numbers := map[string]*int{"--tasks": &o.tasks, "--messages": &o.messages, "--procs": &o.procs}
	for ; len(args) > 0; args = args[1:] {
		if args[0] == "--json" {
			o.json = true
			continue
		}
		number, known := numbers[args[0]]
		if !known {
			fail(2, "unknown argument %s", args[0])
		}
		if len(args) < 2 {
			fail(2, "%s needs a number", args[0])
		}
		v, err := strconv.Atoi(args[1])
		if err != nil || v < 0 || (v == 0 && args[0] != "--messages") {
			fail(2, "%s %s: not a fitting number", args[0], args[1])
		}
		*number = v
		args = args[1:]
	}
	return o
}

// weigh returns VmRSS + VmPTE in the kernel's kB (1024 bytes).
func weigh() int {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		fail(1, "%v", err)
	}
	defer f.Close()
	sum, found := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && (fields[0] == "VmRSS:" || fields[0] == "VmPTE:") {
			kb, err := strconv.Atoi(fields[1])
			if err != nil {
				fail(1, "/proc/self/status: %v", err)
			}
			sum += kb
			found++
		}
	}
	if found != 2 {
		fail(1, "/proc/self/status lacks VmRSS or VmPTE")
	}
	return sum
}

func since(start time.Time) float64 { return float64(time.Since(start).Nanoseconds()) / 1e6 }

// crowd is one launch: so many goroutines, all behind one gate.
type crowd struct {
	gate    chan struct{}
	started atomic.Int64
	ended   sync.WaitGroup
}

// launch returns once all n goroutines are parked. launchMs is the time until
// the last was started, parkedMs until the last has announced itself.
func (c *crowd) launch(n int) (launchMs, parkedMs float64) {
	c.gate = make(chan struct{})
	task := func() {
		c.started.Add(1)
		<-c.gate
		c.ended.Done()
	}
	c.ended.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		go task()
	}
	launchMs = since(start)
	for c.started.Load() != int64(n) {
		time.Sleep(100 * time.Microsecond)
	}
	return launchMs, since(start)
}

// shutdown opens the gate and returns once all have ended.
func (c *crowd) shutdown() float64 {
	start := time.Now()
	close(c.gate)
	c.ended.Wait()
	return since(start)
}

// pass sends m messages from one goroutine to the caller.
func pass(m int) float64 {
	c := make(chan int, 128)
	start := time.Now()
	go func() {
		for i := 0; i < m; i++ {
			c <- i
		}
	}()
	sum := 0
	for i := 0; i < m; i++ {
		sum += <-c
	}
	ms := since(start)
	if sum != m*(m-1)/2 {
		fail(1, "messages were lost")
	}
	return ms
}

type figure struct {
	name   string
	value  float64
	digits int
}

func report(figures []figure, json bool) {
	for i, f := range figures {
		switch {
		case !json:
			fmt.Printf("%-15s %12.*f\n", f.name, f.digits, f.value)
		case i == 0:
			fmt.Printf("{\"%s\":%.*f", f.name, f.digits, f.value)
		default:
			fmt.Printf(",\"%s\":%.*f", f.name, f.digits, f.value)
		}
	}
	if json {
		fmt.Println("}")
	}
}

func main() {
	o := parse(os.Args[1:])
	if o.procs > 0 {
		runtime.GOMAXPROCS(o.procs)
	}
	before := weigh()
	var cold, warm crowd
	launchMs, parkedMs := cold.launch(o.tasks)
	parked := weigh()
	messagesMs := pass(o.messages)
	shutdownMs := cold.shutdown()
	_, warmMs := warm.launch(o.tasks)
	warm.shutdown()
	runtime.GC()
	debug.FreeOSMemory()
	after := weigh()
	report([]figure{
		{"tasks", float64(o.tasks), 0},
		{"procs", float64(runtime.GOMAXPROCS(0)), 0},
		{"kb_before", float64(before), 0},
		{"launch_ms", launchMs, 3},
		{"parked_ms", parkedMs, 3},
		{"kb_parked", float64(parked), 0},
		{"bytes_per_task", float64(parked-before) * 1024 / float64(o.tasks), 1},
		{"messages", float64(o.messages), 0},
		{"messages_ms", messagesMs, 3},
		{"shutdown_ms", shutdownMs, 3},
		{"kb_after", float64(after), 0},
		{"warm_parked_ms", warmMs, 3},
	}, o.json)
}
