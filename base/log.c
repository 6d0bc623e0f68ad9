/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024

static const char *process_name = "cps";
static enum log_level threshold = LOG_LEVEL_INFO;
static bool to_journal;

void log_init(const char *process, enum log_level most_verbose)
{
    process_name = process;
    threshold = most_verbose;
    to_journal = getenv("JOURNAL_STREAM") != NULL;
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
    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
        return; /* nowhere left to complain to */
}
