/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the evidence log: what is added, found again, followed by another file, and removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/evidence/store.h"
#include "base/util.h"

#define DAY_S 86400

static char directory[64];
static struct store *store;

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/cps-test-store-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int keep_all(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int tear_down(void **state)
{
    struct dirent **names = NULL;
    int n = scandir(directory, &names, keep_all, alphasort);
    char path[512];

    (void)state;
    store_free(TAKE_PTR(store));
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]->d_name);
        unlink(path);
        free(names[i]);
    }
    free(names);
    return rmdir(directory);
}

static cps_error open_store(int64_t file_bytes)
{
    struct fail fail = FAIL_INIT;

    store_free(TAKE_PTR(store));
    (void)store_open(directory, (struct store_limits){file_bytes, DAY_S}, &store, &fail);
    return fail.code;
}

static cps_error append_text(const char *text)
{
    AUTO_JSON json_t *lines = json_pack("[s]", text);
    struct fail fail = FAIL_INIT;

    (void)store_append(store, lines, &fail);
    return fail.code;
}

static void line_of(const char *prev, int64_t seq, const char *more, char line[256])
{
    snprintf(line, 256, "{\"seq\":%lld,\"prev\":\"%s\"%s}", (long long)seq, prev, more);
}

static void append(int n)
{
    for (int i = 0; i < n; i++) {
        char line[256];

        line_of(store_head(store)->hash, store_head(store)->seq + 1, "", line);
        assert_int_equal(append_text(line), CPS_OK);
    }
}

static const char *path_of(int64_t seq)
{
    static char path[128];
    char name[EVIDENCE_NAME_LEN];

    evidence_file_name(seq, name);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static off_t size_of(int64_t seq)
{
    struct stat st;

    return stat(path_of(seq), &st) == 0 ? st.st_size : -1;
}

static void add_to(int64_t seq, const char *text)
{
    FILE *file = fopen(path_of(seq), "ae");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

/* Written by somebody else, or twice, or out of order: no line but the next one is taken. */
static void only_what_follows_is_added(void **state)
{
    struct evidence_head head;
    char line[256];

    (void)state;
    assert_int_equal(open_store(1000000), CPS_OK);
    append(2);
    head = *store_head(store);
    line_of(head.hash, 4, "", line);
    assert_int_equal(append_text(line), CPS_INVALID_PARAMS);
    line_of("another", 3, "", line);
    assert_int_equal(append_text(line), CPS_INVALID_PARAMS);
    line_of(head.hash, 3, ",\n\"x\":1", line); /* two lines of the file */
    assert_int_equal(append_text(line), CPS_INVALID_PARAMS);
    assert_int_equal(append_text("{"), CPS_INVALID_PARAMS);
    assert_int_equal(store_head(store)->seq, 2);
    assert_string_equal(store_head(store)->hash, head.hash);
    append(1);
}

static void found_again_where_it_ended(void **state)
{
    struct evidence_head head;
    struct stat st;
    off_t size;

    (void)state;
    assert_int_equal(open_store(1000000), CPS_OK);
    append(3);
    head = *store_head(store);
    assert_int_equal(open_store(1000000), CPS_OK);
    assert_null(store_damage(store));
    assert_int_equal(store_head(store)->seq, 3);
    assert_string_equal(store_head(store)->hash, head.hash);
    size = size_of(1);
    append(1);
    assert_true(size_of(1) > size); /* in the same file */
    assert_int_equal(stat(path_of(1), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_torn_line_closes_its_file(void **state)
{
    (void)state;
    assert_int_equal(open_store(1000000), CPS_OK);
    append(2);
    add_to(1, "{\"seq\":3,\"pr");
    assert_int_equal(open_store(1000000), CPS_OK);
    assert_non_null(store_damage(store));
    assert_int_equal(store_head(store)->seq, 2);
    append(1);
    assert_true(size_of(3) > 0);
}

/* It is told, set aside and never written over; the head is that of the file before it. */
static void a_file_without_any_line_is_set_aside(void **state)
{
    struct dirent **names = NULL;
    int n;

    (void)state;
    assert_int_equal(open_store(1000000), CPS_OK);
    append(2);
    add_to(3, "nonsense");
    assert_int_equal(open_store(1000000), CPS_OK);
    assert_non_null(store_damage(store));
    assert_int_equal(store_head(store)->seq, 2);
    append(1); /* the file before is whole: it goes on there */
    assert_int_equal(size_of(3), 8);
    unlink(path_of(1));
    assert_int_equal(open_store(1000000), CPS_OK);
    assert_int_equal(store_head(store)->seq, 0);
    add_to(1, "nonsense");
    append(1);
    n = scandir(directory, &names, keep_all, alphasort);
    assert_int_equal(n, 3); /* the new one, the one aside, and that of the third line */
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

static void one_writer_and_nobody_who_looks_in(void **state)
{
    struct store *other = NULL;
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(open_store(1000), CPS_OK);
    assert_int_equal(store_open(directory, (struct store_limits){1000, DAY_S}, &other, &fail),
                     CPS_STORAGE);
    assert_null(other);
    assert_int_equal(chmod(directory, 0750), 0);
    assert_int_equal(open_store(1000), CPS_STORAGE);
    assert_int_equal(chmod(directory, 0700), 0);
    assert_int_equal(open_store(1000), CPS_OK);
}

static void make_old(int64_t seq)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - DAY_S - 60}, {0}};

    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path_of(seq), times, 0), 0);
}

/* A line a file; what goes is old, and before what is kept. */
static void old_files_go_and_no_others(void **state)
{
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(open_store(1), CPS_OK);
    append(4);
    assert_true(size_of(1) > 0 && size_of(2) > 0 && size_of(3) > 0 && size_of(4) > 0);
    assert_int_equal(store_expired(store), 0);
    make_old(1);
    make_old(2);
    assert_int_equal(store_expired(store), 3);
    assert_int_equal(store_purge(store, 3, &fail), CPS_OK);
    assert_int_equal(size_of(1), -1);
    assert_int_equal(size_of(2), -1);
    assert_true(size_of(3) > 0 && size_of(4) > 0);
    assert_int_equal(store_expired(store), 0);
    make_old(3);
    make_old(4);
    assert_int_equal(store_expired(store), 4); /* the last one stays: the log goes on from it */
    assert_int_equal(store_purge(store, 100, &fail), CPS_OK);
    assert_int_equal(size_of(3), -1);
    assert_true(size_of(4) > 0);
}

static void names_of_files(void **state)
{
    (void)state;
    assert_int_equal(evidence_file_seq("evidence-000000000012.jsonl"), 12);
    assert_int_equal(evidence_file_seq("evidence-12.jsonl"), -1);
    assert_int_equal(evidence_file_seq("evidence-000000000012.jsonl.damaged-1"), -1);
    assert_int_equal(evidence_file_seq("evidence-000000000000.jsonl"), -1);
    assert_int_equal(evidence_file_seq("other-000000000012.jsonl"), -1);
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(only_what_follows_is_added),
        WITH_DIRECTORY(found_again_where_it_ended),
        WITH_DIRECTORY(a_torn_line_closes_its_file),
        WITH_DIRECTORY(a_file_without_any_line_is_set_aside),
        WITH_DIRECTORY(one_writer_and_nobody_who_looks_in),
        WITH_DIRECTORY(old_files_go_and_no_others),
        cmocka_unit_test(names_of_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
