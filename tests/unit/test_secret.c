/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/util.h"

static void content(void **state)
{
    AUTO_SECRET struct secret *secret = secret_new();
    static uint8_t large[SECRET_MAX + 1];

    (void)state;
    assert_non_null(secret);
    assert_int_equal(secret_len(secret), 0);
    assert_int_equal(secret_set(secret, "1234", 4), 0);
    assert_int_equal(secret_len(secret), 4);
    assert_memory_equal(secret_data(secret), "1234", 4);
    assert_int_equal(secret_set(secret, large, sizeof large), -EMSGSIZE);
    assert_memory_equal(secret_data(secret), "1234", 4);
    assert_int_equal(secret_set(secret, "5", 1), 0);
    assert_memory_equal(secret_data(secret), "5\0\0\0", 4);
    assert_int_equal(secret_set(secret, large, SECRET_MAX), 0);
    secret_wipe(secret);
    assert_int_equal(secret_len(secret), 0);
    secret_free(NULL);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    AUTO_SECRET struct secret *secret = secret_new();
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    if (fork() == 0) {
        for (int i = 0; i < 4; i++) {
            if (write(ends[1], &"9876"[i], 1) != 1)
                _exit(1);
            usleep(5000);
        }
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(secret_read(secret, ends[0], clock_boot_ms() + 5000), 0);
    assert_int_equal(secret_len(secret), 4);
    assert_memory_equal(secret_data(secret), "9876", 4);
    close(ends[0]);
    assert_true(wait(NULL) > 0);
}

static void a_pipe_that_says_nothing_costs_a_deadline(void **state)
{
    AUTO_SECRET struct secret *secret = secret_new();
    int64_t started = clock_boot_ms();
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "12", 2), 2);
    assert_int_equal(secret_read(secret, ends[0], started + 50), -ETIMEDOUT);
    assert_true(clock_boot_ms() - started >= 50);
    assert_int_equal(secret_len(secret), 0);
    assert_memory_equal(secret_data(secret), "\0\0", 2);
    close(ends[1]);
    assert_int_equal(secret_read(secret, ends[0], started), 0); /* its end needs no waiting */
    close(ends[0]);
    assert_true(secret_read(secret, ends[0], started + 50) < 0);
}

static void the_largest_secret(void **state)
{
    AUTO_SECRET struct secret *secret = secret_new();
    AUTO_SECRET struct secret *back = secret_new();
    static uint8_t bytes[SECRET_MAX + 1];

    (void)state;
    for (size_t len = SECRET_MAX; len <= SECRET_MAX + 1; len++) {
        int ends[2];

        memset(bytes, 'x', sizeof bytes);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(write(ends[1], bytes, len), len);
        close(ends[1]);
        assert_int_equal(secret_read(secret, ends[0], clock_boot_ms() + 5000),
                         len > SECRET_MAX ? -EMSGSIZE : 0);
        assert_int_equal(secret_len(secret), len > SECRET_MAX ? 0 : SECRET_MAX);
        close(ends[0]);
        if (len == SECRET_MAX) {
            assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
            assert_int_equal(secret_write(secret, ends[1]), 0);
            close(ends[1]);
            assert_int_equal(secret_read(back, ends[0], clock_boot_ms() + 5000), 0);
            assert_memory_equal(secret_data(back), secret_data(secret), SECRET_MAX);
            close(ends[0]);
        }
    }
}

static void writing_where_nobody_reads(void **state)
{
    AUTO_SECRET struct secret *secret = secret_new();
    int ends[2];

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    secret_set(secret, "1234", 4);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    assert_int_equal(secret_write(secret, ends[1]), -EPIPE);
    close(ends[1]);
}

/* How a child ends that touches one byte of the page: it sees zeros, or dies outside. */
static int touch(const struct secret *secret, ptrdiff_t at)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        volatile const uint8_t *data = secret_data(secret);

        (void)signal(SIGSEGV, SIG_DFL);
        _exit(data[at]);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void guards_and_forks(void **state)
{
    AUTO_SECRET struct secret *secret = secret_new();
    int status;

    (void)state;
    secret_set(secret, "1234", 4);
    status = touch(secret, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0); /* wiped in the child */
    assert_memory_equal(secret_data(secret), "1234", 4);
    status = touch(secret, -1);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    status = touch(secret, SECRET_MAX);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

/* The line "VmFlags" of the mapping that holds the page. */
static bool has_flag(const struct secret *secret, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    const uint8_t *data = secret_data(secret);
    uintptr_t page = (uintptr_t)data;
    char line[512], wanted[8];
    bool here = false;
    bool found = false;

    assert_non_null(maps);
    snprintf(wanted, sizeof wanted, " %s", flag);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            here = page >= from && page < to;
        if (here && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, wanted) != NULL;
    }
    fclose(maps);
    return found;
}

static void kept_out_of_dumps_and_forks(void **state)
{
    AUTO_SECRET struct secret *secret = secret_new();

    (void)state;
    assert_true(has_flag(secret, "dd"));
    assert_true(has_flag(secret, "wf"));
#ifndef CPS_SANITIZE /* whose runtime makes mlock() do nothing */
    assert_true(has_flag(secret, "lo"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(a_pipe_that_says_nothing_costs_a_deadline),
        cmocka_unit_test(the_largest_secret),
        cmocka_unit_test(writing_where_nobody_reads),
        cmocka_unit_test(guards_and_forks),
        cmocka_unit_test(kept_out_of_dumps_and_forks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
