// SPDX-License-Identifier: MIT

/* bench - the Go twin of mote-bench: the same items, command line and output.
 * Job:    run each named item (all but the on-demand ones when none is named)
 *         once at its short warm-up size, then five times; print the best.
 * Holds:  B1 an item does the work and divides by the count that its C twin
 *         does; a change here is a change there.
 *         B2 every item checks its result, so its work cannot be left out.
 *         B3 the collector is run before an item, never between its five
 *         runs: goroutines stay as warm as Go itself keeps them.
 * Not here: the items (tasks.go, chans.go, waits.go), comparing (../compare). */

package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"time"
)

const runs = 5

// An item's run does its work at the given size; it returns how many
// operations that was and how long they took. Most sizes are counts of
// operations; where not, the function says what its size is.
type item struct {
	name     string
	size     int
	warm     int  // the size of the warm-up run
	onDemand bool // run only when named
	run      func(size int) (ops int, took time.Duration)
}

var items = []item{
	{name: "yield", size: 1000000, warm: 100000, run: yield},
	{name: "chan_pingpong", size: 500000, warm: 50000, run: chanPingpong},
	{name: "chan_spsc", size: 5000000, warm: 500000, run: chanSpsc},
	{name: "chan_mpmc", size: 4000000, warm: 400000, run: chanMpmc},
	{name: "spawn_wait", size: 1000000, warm: 100000, run: spawnWait},
	{name: "spawn_batch", size: 1000, warm: 100, run: spawnBatch},
	{name: "group_go", size: 1000, warm: 100, run: groupGo},
	{name: "fib", size: 27, warm: 22, run: fib},
	{name: "ring_hop", size: 500, warm: 50, run: ringHop},
	{name: "skynet", size: 1000000, warm: 100000, run: skynet},
	{name: "churn", size: 100000, warm: 10000, run: churn},
	{name: "churn_1m", size: 1000000, warm: 100000, onDemand: true, run: churn},
	{name: "mutex_1", size: 10000000, warm: 1000000, run: mutex1},
	{name: "mutex_4", size: 10000000, warm: 1000000, run: mutex4},
	{name: "rwmutex_read", size: 10000000, warm: 1000000, run: rwmutexRead},
	{name: "cond_broadcast", size: 100000, warm: 10000, run: condBroadcast},
	{name: "select_pingpong", size: 500000, warm: 50000, run: selectPingpong},
	{name: "sleepers", size: 100000, warm: 10000, run: sleepers},
	{name: "ctx_cancel", size: 100000, warm: 10000, run: ctxCancel},
}

// check ends the program when an item's result is wrong.
func check(ok bool, what string) {
	if !ok {
		fmt.Fprintln(os.Stderr, "bench: wrong result:", what)
		os.Exit(1)
	}
}

func (it *item) best() float64 {
	runtime.GC()
	it.run(it.warm)
	best := math.Inf(1)
	for i := 0; i < runs; i++ {
		ops, took := it.run(it.size)
		best = math.Min(best, float64(took.Nanoseconds())/float64(ops))
	}
	return best
}

type options struct {
	procs int // 0: as many as Go chooses
	json  bool
	list  bool
	items []*item
}

const usage = "usage: bench [--procs P] [--json] [--list] [NAME...]"

func usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
	fmt.Fprintln(os.Stderr, usage)
	os.Exit(2)
}

func findItem(name string) *item {
	for i := range items {
		if items[i].name == name {
			return &items[i]
		}
	}
	return nil
}

func parse(args []string) (o options) {
	for ; len(args) > 0; args = args[1:] {
		switch arg := args[0]; {
		case arg == "--procs":
			if len(args) < 2 {
				usageError("--procs needs a number")
			}
			args = args[1:]
			p, err := strconv.Atoi(args[0])
			if err != nil || p < 1 {
				usageError("--procs %s: not a positive number", args[0])
			}
			o.procs = p
		case arg == "--json":
			o.json = true
		case arg == "--list":
			o.list = true
		case len(arg) > 0 && arg[0] == '-':
			usageError("unknown option %s", arg)
		default:
			it := findItem(arg)
			if it == nil {
				usageError("unknown item %s", arg)
			}
			o.items = append(o.items, it)
		}
	}
	if len(o.items) == 0 {
		for i := range items {
			if !items[i].onDemand {
				o.items = append(o.items, &items[i])
			}
		}
	}
	return o
}

func main() {
	o := parse(os.Args[1:])
	if o.list {
		for i := range items {
			fmt.Println(items[i].name)
		}
		return
	}
	if o.procs > 0 {
		runtime.GOMAXPROCS(o.procs)
	}
	procs := runtime.GOMAXPROCS(0)
	for _, it := range o.items {
		ns := it.best()
		if o.json {
			fmt.Printf("{\"name\":%q,\"procs\":%d,\"ns\":%.1f}\n", it.name, procs, ns)
		} else {
			fmt.Printf("%s %d %.1f\n", it.name, procs, ns)
		}
	}
}
