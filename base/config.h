/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files: INI as read by libinih, sections and keys in lower case. Every key must be
 * in the reader's table: a mistake is an error that names file and line, never silently ignored.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

#define CONFIG_KEYS_MAX  128
#define CONFIG_VALUE_MAX 1024

enum config_type { CONFIG_STRING, CONFIG_BOOL, CONFIG_INT };

/* Section of a key that every section may hold, whatever its name. */
#define CONFIG_ANY_SECTION "*"

/* Longest name of such a section, and how many of them a file may have. */
#define CONFIG_SECTION_MAX  40
#define CONFIG_SECTIONS_MAX 32

/* One key that a file may hold. min and max are for CONFIG_INT. */
struct config_key {
    const char *section;
    const char *key;
    enum config_type type;
    int64_t min;
    int64_t max;
};

struct config;

/*
 * Reads one file against a table that ends with a NULL section. A file that does not exist gives
 * an empty configuration when optional is true. On failure: CPS_CONFIGURATION with file and line.
 */
cps_error config_load(const char *path, const struct config_key *keys, bool optional,
                      struct config **ret_config, struct fail *fail);

/* The same of a text, which the messages call path. */
cps_error config_parse(const char *text, size_t len, const char *path,
                       const struct config_key *keys, struct config **ret_config,
                       struct fail *fail);

void config_free(struct config *config);

/* The value, or the default when the key is absent. Strings are borrowed from the configuration. */
const char *config_string(const struct config *config, const char *section, const char *key,
                          const char *otherwise);
bool config_bool(const struct config *config, const char *section, const char *key, bool otherwise);
int64_t config_int(const struct config *config, const char *section, const char *key,
                   int64_t otherwise);

/* The line of a key in its file, 0 when it is absent. */
int config_line(const struct config *config, const char *section, const char *key);

/* Names of the sections that hold a key, in their order; how many there are. Borrowed. */
size_t config_sections(const struct config *config, const char *ret_names[CONFIG_SECTIONS_MAX]);

/*
 * Cuts a list value at white space and commas into a new NULL-terminated array; free it with
 * config_list_free. An absent key gives an empty list. NULL when memory is short.
 */
char **config_list(const struct config *config, const char *section, const char *key);
void config_list_free(char **list);

/* The same for a text that is no value of a file. */
char **config_words(const char *text);

static inline void cleanup_config(struct config **config)
{
    config_free(*config);
}

#define AUTO_CONFIG __attribute__((cleanup(cleanup_config)))

#endif
