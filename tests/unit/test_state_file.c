/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state_file.h"
#include "base/util.h"

static char directory[] = "/tmp/cps-test-state-XXXXXX";
static char path[64], temporary[64];

static int set_up(void **state)
{
    (void)state;
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/file", directory);
    snprintf(temporary, sizeof temporary, "%s/file.new", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(temporary);
    return rmdir(directory);
}

static void assert_holds(const char *wanted)
{
    AUTO_FREE char *text = NULL;
    struct fail fail;

    assert_int_equal(state_file_read(path, 16, &text, &fail), CPS_OK);
    if (wanted == NULL)
        assert_null(text);
    else
        assert_string_equal(text, wanted);
}

static void a_file_is_replaced_whole(void **state)
{
    struct fail fail;
    struct stat st;

    (void)state;
    assert_holds(NULL);
    assert_int_equal(state_file_replace(path, "one", 3, &fail), CPS_OK);
    assert_holds("one");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(state_file_replace(path, "", 0, &fail), CPS_OK);
    assert_holds("");
    assert_int_equal(access(temporary, F_OK), -1);
}

static void what_cannot_be_written_has_not_changed(void **state)
{
    struct fail fail;

    (void)state;
    assert_int_equal(state_file_replace(path, "one", 3, &fail), CPS_OK);
    assert_int_equal(mkdir(temporary, 0700), 0);
    assert_int_equal(state_file_replace(path, "two", 3, &fail), CPS_STORAGE);
    assert_holds("one");
    assert_int_equal(rmdir(temporary), 0);
    assert_int_equal(symlink("file", temporary), 0); /* a torn one, or a trap */
    assert_int_equal(state_file_replace(path, "three", 5, &fail), CPS_OK);
    assert_holds("three");
}

static void only_plain_files_of_ours_alone_are_read(void **state)
{
    char *text = NULL;
    struct fail fail;

    (void)state;
    assert_int_equal(state_file_replace(path, "seventeen letters", 17, &fail), CPS_OK);
    assert_int_equal(state_file_read(path, 16, &text, &fail), CPS_STORAGE);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(state_file_read(path, 100, &text, &fail), CPS_STORAGE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(state_file_read(path, 100, &text, &fail), CPS_STORAGE);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_has_not_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_plain_files_of_ours_alone_are_read, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
