/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log to standard error, one line a message: "<3>" prefixes for the journal, names for a terminal.
 * Never a PIN, a token, a URL with a code, nor an identifier of a person.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* process: static string shown in front of each line. */
void log_init(const char *process, enum log_level most_verbose);

/*
 * For a process that runs code of others: the log keeps standard error for itself, and whatever
 * that code prints there or on standard output is lost. False, with errno, when it cannot be done.
 */
bool log_take_output(void);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
