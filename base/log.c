/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef CPS_SANITIZE
#include <sanitizer/common_interface_defs.h>
#endif

#include "base/util.h"

#define LOG_LINE_MAX 1024

static const char *process_name = "cps";
static enum log_level threshold = LOG_LEVEL_INFO;
static bool to_journal;
static int output = STDERR_FILENO;

void log_init(const char *process, enum log_level most_verbose)
{
    process_name = process;
    threshold = most_verbose;
    to_journal = getenv("JOURNAL_STREAM") != NULL;
}

bool log_take_output(void)
{
    AUTO_CLOSE int nowhere = -1;
    int own;

    if (output != STDERR_FILENO)
        return true;
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    own = nowhere < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (own < 0)
        return false;
    output = own;
#ifdef CPS_SANITIZE
    __sanitizer_set_report_fd((void *)(intptr_t)own);
#endif
    return dup2(nowhere, STDOUT_FILENO) >= 0 && dup2(nowhere, STDERR_FILENO) >= 0;
}

/* A hostile text must not forge a second line or drive a terminal. */
static void blunt(char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text))
            *text = '?';
}

void log_write(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    static const int priorities[] = {3, 4, 6, 7};
    char text[LOG_LINE_MAX];
    char line[LOG_LINE_MAX + 64];
    va_list ap;
    int len;

    if (level > threshold)
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    blunt(text);
    if (to_journal)
        len = snprintf(line, sizeof line, "<%d>%s: %s\n", priorities[level], process_name, text);
    else
        len = snprintf(line, sizeof line, "%s: %s: %s\n", process_name, names[level], text);
    if (len > 0 && write(output, line, (size_t)len) < 0)
        return; /* nowhere left to complain to */
}
