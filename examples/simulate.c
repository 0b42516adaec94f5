/* SPDX-License-Identifier: MIT */
/* simulate - a mistake that ordinary tests don't find: a transfer between accounts that loses money when another comes in between.
 *
 *     simulate [SCHEDULES]
 *
 * The test below passes whenever the tasks come one after the other, as they nearly always do. mote_sim_explore runs it with many
 * schedules, finds one that fails, and says which switches make it fail. Then the accounts are locked for as long as they are
 * worked on, and none of the schedules fails. */
#include <mote.h>

#include "program.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SCHEDULES 1000

static struct {
    mote_mutex lock;
    int balance;
} account[2];
static bool right;
static mote_wg transfers;

static int read_balance(int i)
{
    mote_mutex_lock(&account[i].lock);
    int balance = account[i].balance;
    mote_mutex_unlock(&account[i].lock);
    return balance;
}

static void write_balance(int i, int balance)
{
    mote_mutex_lock(&account[i].lock);
    account[i].balance = balance;
    mote_mutex_unlock(&account[i].lock);
}

/* Each access is locked, so no tool sees a race. But between the two somebody else may have been there. */
static void transfer(int from, int to, int amount)
{
    if (right) {
        mote_mutex_lock(&account[0].lock);
        mote_mutex_lock(&account[1].lock);
        account[from].balance -= amount;
        account[to].balance += amount;
        mote_mutex_unlock(&account[1].lock);
        mote_mutex_unlock(&account[0].lock);
    } else {
        write_balance(from, read_balance(from) - amount);
        write_balance(to, read_balance(to) + amount);
    }
    mote_wg_done(&transfers);
}

/* The test: sets everything up anew, since it is run again and again. 0: passed. */
static int money_stays(void *arg)
{
    (void)arg;
    memset(account, 0, sizeof account);
    transfers = (mote_wg){0};
    account[0].balance = account[1].balance = 100;
    mote_wg_add(&transfers, 2);
    mote_go(transfer, 0, 1, 30);
    mote_go(transfer, 1, 0, 50);
    mote_wg_wait(&transfers);
    int sum = account[0].balance + account[1].balance;
    printf("there were 200, now there are %d\n", sum);
    return sum != 200;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: simulate [SCHEDULES]";
    if (argc > 2)
        program_refuse(usage);
    int schedules = argc == 2 ? (int)program_number(argv[1], 1, 1000000, usage) : SCHEDULES;
    printf("each access locked by itself:\n");
    int wrong = mote_sim_explore(money_stays, NULL, schedules);
    right = true;
    int found = mote_sim_explore(money_stays, NULL, schedules);
    printf("both accounts locked for the whole transfer: %s\n", found ? "still fails" : "no schedule fails");
    return program_status("simulate", wrong == 1 && found == 0 ? 0 : 1);
}
