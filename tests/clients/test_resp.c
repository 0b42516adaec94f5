/* SPDX-License-Identifier: MIT */
/* test_resp - redis_server's parser, numbers, lists and tables: requests whole and byte by byte, quotes, limits, errors. */
#include "resp.h"
#include "resp_session.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_VALUE 100
#define MAX_REQUEST 150

struct talk {
    const char *said, *means;
};

static size_t thousand(void *arg, size_t done)
{
    (void)arg, (void)done;
    return 1000;
}

static void check(const char *said, size_t size, const char *means)
{
    resp_pieces *const ways[] = {resp_whole, size < 1000 ? resp_single : thousand};
    for (int i = 0; i < 2; i++) {
        char *got = resp_session(said, size, MAX_VALUE, MAX_REQUEST, ways[i], NULL);
        if (strcmp(got, means) != 0)
            fail_msg("said:\n%.300s\nshould mean:\n%s\nmeans, %s:\n%.300s", said, means, i ? "in pieces" : "whole",
                     got);
        free(got);
    }
}

#define CHECK(...)                                                                                                     \
    do {                                                                                                               \
        static const struct talk talks[] = {__VA_ARGS__};                                                              \
        for (size_t i = 0; i < sizeof talks / sizeof *talks; i++)                                                      \
            check(talks[i].said, strlen(talks[i].said), talks[i].means);                                               \
    } while (0)

static void test_arrays(void **state)
{
    (void)state;
    CHECK({"*1\r\n$4\r\nPING\r\n", "[PING]\n"}, {"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", "[GET][]\n"},
          {"*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n", "[a]\n[b]\n"}, {"*0\r\n*1\r\n$1\r\na\r\n", "[a]\n"},
          {"*-1\r\n*1\r\n$1\r\na\r\n", "[a]\n"}, {"*1\r\n$4\r\n\r\n*1\r\n", "[\\x0d\\x0a*1]\n"},
          {"*2\r\n$1\r\na\r\n", ""}, {"*1\r\n$2\r\na\r", ""}, {"", ""});
    check("*1\r\n$3\r\na\0b\r\n", 13, "[a\\x00b]\n");
}

static void test_inline(void **state)
{
    (void)state;
    CHECK({"PING\r\n", "[PING]\n"}, {"PING\n", "[PING]\n"}, {"  set a  b \r\n", "[set][a][b]\n"},
          {"\r\n\n  \r\nx\n", "[x]\n"}, {"a \"b c\" 'd e'\n", "[a][b\\x20c][d\\x20e]\n"},
          {"\"\\n\\r\\t\\b\\a\\x41\\\"\\q\\\\\"\n", "[\\x0a\\x0d\\x09\\x08\\x07A\"q\\x5c]\n"},
          {"'it\\'s \\n'\n", "[it's\\x20\\x5cn]\n"}, {"\"\\xzz\\x4\"\n", "[xzzx4]\n"}, {"a\"b\"\n", "[ab]\n"},
          {"\"\" ''\n", "[][]\n"}, {"PING\r\n*1\r\n$1\r\na\r\nPING\r\n", "[PING]\n[a]\n[PING]\n"});
}

static void test_errors(void **state)
{
    (void)state;
    CHECK({"*a\r\n", "error: invalid multibulk length\n"}, {"*\r\n", "error: invalid multibulk length\n"},
          {"*1\n", "error: invalid multibulk length\n"}, {"* 1\r\n", "error: invalid multibulk length\n"},
          {"*01\r\n", "error: invalid multibulk length\n"}, {"*+1\r\n", "error: invalid multibulk length\n"},
          {"*1048577\r\n", "error: invalid multibulk length\n"},
          {"*99999999999999999999\r\n", "error: invalid multibulk length\n"},
          {"*1\r\nPING\r\n", "error: expected '$'\n"}, {"*1\r\n:1\r\n", "error: expected '$'\n"},
          {"*1\r\n$-1\r\n", "error: invalid bulk length\n"}, {"*1\r\n$x\r\n", "error: invalid bulk length\n"},
          {"*1\r\n$101\r\n", "error: invalid bulk length\n"},
          {"*1\r\n$9223372036854775807\r\n", "error: invalid bulk length\n"},
          {"*1\r\n$1\r\nab\r\n", "error: expected the end of a bulk\n"},
          {"*1\r\n$1\r\na\n\n", "error: expected the end of a bulk\n"},
          {"a \"b\n", "error: unbalanced quotes in request\n"}, {"a 'b\n", "error: unbalanced quotes in request\n"},
          {"\"a\"b\n", "error: unbalanced quotes in request\n"}, {"\"a\\\n", "error: unbalanced quotes in request\n"},
          {"ok\nx 'y\nz\n", "[ok]\nerror: unbalanced quotes in request\n"});
}

static void check_long(const char *begin, size_t size, char filler, const char *means)
{
    char *said = malloc(size);
    memset(said, filler, size);
    memcpy(said, begin, strlen(begin));
    check(said, size, means);
    free(said);
}

static void test_limits(void **state)
{
    (void)state;
    check_long("*1", 40, '1', "error: too long a length\n");
    check_long("*1\r\n$1", 40, '0', "error: too long a length\n");
    check_long("x", RESP_LINE, 'x', "");
    check_long("x", RESP_LINE + 1, 'x', "error: too big inline request\n");
    char said[400], hundred[101] = {0};
    memset(hundred, 'a', 100);
    snprintf(said, sizeof said, "*2\r\n$100\r\n%s\r\n$50\r\n", hundred); /* 118 bytes and 50: more than 150 */
    check(said, strlen(said), "error: too big request\n");
}

/* The memory for a request grows as its arguments come, not as they are announced; and it is given back. */
static void test_room(void **state)
{
    (void)state;
    struct resp r;
    char begin[] = "*1000000\r\n$1\r\na\r\n";
    resp_init(&r, MAX_VALUE, 1 << 20);
    assert_int_equal(resp_next(&r, begin, sizeof begin - 1), RESP_MORE);
    assert_int_equal(r.count, 1);
    assert_true(r.room <= 8);
    r.left = 0;
    resp_reset(&r);
    char line[RESP_LINE];
    for (size_t i = 0; i < sizeof line; i++)
        line[i] = i % 2 ? ' ' : 'x';
    line[sizeof line - 1] = '\n';
    assert_int_equal(resp_next(&r, line, sizeof line), RESP_REQUEST);
    assert_int_equal(r.count, sizeof line / 2);
    resp_reset(&r);
    assert_int_equal(r.room, 0);
    resp_free(&r);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } good[] = {
        {"0", 0}, {"7", 7}, {"-7", -7}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      "01",
                                      "-0",
                                      "00",
                                      " 1",
                                      "1 ",
                                      "1a",
                                      "0x1",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    int64_t n;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(value_number((struct bytes){good[i].text, strlen(good[i].text)}, &n));
        assert_int_equal(n, good[i].number);
        char text[VALUE_DIGITS];
        size_t size = value_text(n, text);
        assert_int_equal(size, strlen(good[i].text));
        assert_memory_equal(text, good[i].text, size);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(value_number((struct bytes){bad[i], strlen(bad[i])}, &n));
}

static unsigned next(unsigned *seed) { return *seed = *seed * 1103515245 + 12345; }

/* Against an array that is moved by hand. */
static void test_list(void **state)
{
    (void)state;
    struct list list = {0};
    int model[400], count = 0;
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        bool left = next(&seed) >> 16 & 1, grows = (next(&seed) >> 16) % 100 < (i / 2000 % 2 ? 40U : 60U);
        if (grows && count < 400) {
            assert_true(list_push(&list, left, value_make((const char *)&i, sizeof i)));
            if (left)
                memmove(model + 1, model, (size_t)count * sizeof *model);
            model[left ? 0 : count] = i;
            count++;
        } else if (count > 0) {
            struct value *v = list_pop(&list, left);
            assert_memory_equal(v->bytes, &model[left ? 0 : count - 1], sizeof *model);
            value_drop(v);
            count--;
            if (left)
                memmove(model, model + 1, (size_t)count * sizeof *model);
        }
        assert_int_equal(list.count, count);
        if (count > 0)
            assert_memory_equal(list_at(&list, (size_t)i % (size_t)count)->bytes, &model[i % count], sizeof *model);
    }
    while (count-- > 0)
        value_drop(list_pop(&list, true));
    assert_null(list_pop(&list, true));
    list_clear(&list);
    assert_int_equal(value_bytes(), 0);
}

static void test_table(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct table table = {0};
    static struct node nodes[N];
    static char names[N][8];
    table_seed();
    for (int i = 0; i < N; i++) {
        struct bytes key = {names[i], (size_t)snprintf(names[i], sizeof names[i], "%d", i)};
        nodes[i] = (struct node){.hash = table_hash(key), .key = key};
        assert_null(table_find(&table, key, nodes[i].hash));
        assert_true(table_add(&table, &nodes[i]));
    }
    for (int i = 0; i < N; i += 2)
        assert_ptr_equal(table_remove(&table, table_find(&table, nodes[i].key, nodes[i].hash)), &nodes[i]);
    assert_int_equal(table.count, N / 2);
    for (int i = 0; i < N; i++)
        assert_int_equal(table_find(&table, nodes[i].key, nodes[i].hash) != NULL, i % 2);
    size_t walked = 0;
    for (const struct node *n = NULL; (n = table_next(&table, n)); walked++)
        assert_ptr_equal(*table_find(&table, n->key, n->hash), n);
    assert_int_equal(walked, N / 2);
    while (table.count > 0) {
        size_t left = table.count;
        struct node *n = table_remove(&table, table_pick(&table));
        table_shrink(&table);
        assert_int_equal(table.count, left - 1);
        assert_null(table_find(&table, n->key, n->hash));
        assert_true(table.room <= 8 || table.room <= 8 * left);
    }
    struct bytes empty = {"", 0}, zero = {"\0", 1};
    assert_int_not_equal(table_hash(empty), table_hash(zero));
    table_free(&table);
    assert_int_equal(value_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays), cmocka_unit_test(test_inline), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_room),   cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_list),   cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
