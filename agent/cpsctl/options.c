/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "base/util.h"

/* The row of an argument; *ret_inline is what follows its "=", or NULL. */
static const struct option_row *find_row(const struct option_row *rows, const char *argument,
                                         const char **ret_inline)
{
    size_t len = strcspn(argument, "=");

    for (; rows->name != NULL; rows++)
        if (strncmp(rows->name, argument, len) == 0 && rows->name[len] == '\0') {
            *ret_inline = argument[len] == '=' ? argument + len + 1 : NULL;
            return rows;
        }
    return NULL;
}

static json_t *value_of(const struct option_row *row, const char *text)
{
    char *end = NULL;
    long long number;

    switch (row->kind) {
    case OPTION_TRUE:
        return json_true();
    case OPTION_FIXED:
        return json_string(row->value);
    case OPTION_TEXT:
        return json_string(text);
    case OPTION_NUMBER:
        errno = 0;
        number = strtoll(text, &end, 10);
        return errno == 0 && end != text && *end == '\0' && number >= 0 ? json_integer(number)
                                                                        : NULL;
    }
    return NULL;
}

json_t *options_read_word(const struct option_row *rows, int argc, char **argv,
                          const char **ret_word)
{
    AUTO_JSON json_t *params = json_object();

    *ret_word = NULL;
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        const struct option_row *row = find_row(rows, argv[i], &value);
        bool takes_value = row != NULL && (row->kind == OPTION_TEXT || row->kind == OPTION_NUMBER);

        if (row == NULL && *ret_word == NULL && (argv[i][0] != '-' || argv[i][1] == '\0')) {
            *ret_word = argv[i];
            continue;
        }
        if (row == NULL || (!takes_value && value != NULL)) {
            text_line(stderr, _("cpsctl: option inconnue %s"), argv[i]);
            return NULL;
        }
        if (json_object_get(params, row->param) != NULL) {
            text_line(stderr, _("cpsctl: %s est de trop : c'est déjà dit"), row->name);
            return NULL;
        }
        if (takes_value && value == NULL && i + 1 < argc)
            value = argv[++i];
        if ((takes_value && value == NULL) ||
            json_object_set_new(params, row->param, value_of(row, value)) < 0) {
            text_line(stderr, _("cpsctl: valeur absente ou incorrecte pour %s"), row->name);
            return NULL;
        }
    }
    return TAKE_PTR(params);
}

json_t *options_read(const struct option_row *rows, int argc, char **argv)
{
    const char *word = NULL;
    json_t *params = options_read_word(rows, argc, argv, &word);

    if (params != NULL && word != NULL) {
        text_line(stderr, _("cpsctl: argument inattendu %s"), word);
        json_decref(params);
        return NULL;
    }
    return params;
}

int64_t options_number(const char *word)
{
    char *end = NULL;
    long long number;

    errno = 0;
    number = strtoll(word, &end, 10);
    return errno == 0 && end != word && *end == '\0' && number > 0 ? number : 0;
}
