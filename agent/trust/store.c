/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust/bundle.h"
#include "agent/trust/lines.h"
#include "base/util.h"

void approvals_done(struct approvals *approvals)
{
    for (size_t i = 0; i < approvals->n; i++)
        free(approvals->list[i].name);
    free(approvals->list);
    *approvals = (struct approvals){0};
}

static cps_error on_approval(void *user, char *line, struct fail *fail)
{
    struct approvals *approvals = user;
    struct approval new = {.name = NULL};
    char *name = line;
    struct approval *longer;

    if (fingerprint_parse(lines_word(&name), new.fingerprint) < 0 || *name == '\0')
        return fail_set(fail, CPS_CONFIGURATION, "not a SHA-256 fingerprint and a name");
    if (approvals->n == STORE_MAX)
        return fail_set(fail, CPS_CONFIGURATION, "more than %d authorities", STORE_MAX);
    longer = reallocarray(approvals->list, approvals->n + 1, sizeof *longer);
    if (longer != NULL)
        approvals->list = longer;
    new.name = strdup(name);
    if (longer == NULL || new.name == NULL) {
        free(new.name);
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    }
    approvals->list[approvals->n++] = new;
    return CPS_OK;
}

cps_error approvals_read(const char *directory, struct approvals *ret_approvals, struct fail *fail)
{
    AUTO_APPROVALS struct approvals approvals = {0};
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/" STORE_APPROVED, directory);
    if (lines_read(path, on_approval, &approvals, fail) != CPS_OK)
        return fail->code;
    *ret_approvals = approvals;
    approvals = (struct approvals){0};
    return CPS_OK;
}

const char *approvals_name(const struct approvals *approvals, const char *fingerprint)
{
    for (size_t i = 0; i < approvals->n; i++)
        if (strcmp(approvals->list[i].fingerprint, fingerprint) == 0)
            return approvals->list[i].name;
    return NULL;
}

bool store_is_anchor(X509 *certificate)
{
    return X509_check_issued(certificate, certificate) == X509_V_OK;
}

char *store_subject(X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    char *name = NULL;
    char *whole;

    if (at >= 0 &&
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))) >= 0)
        name = strdup((char *)text);
    OPENSSL_free(text);
    if (name != NULL && lines_valid_text(name))
        return name;
    free(name);
    whole = X509_NAME_oneline(subject, NULL, 0);
    name = whole != NULL ? strdup(whole) : NULL;
    OPENSSL_free(whole);
    return name;
}

const char *store_origin_name(enum store_origin origin)
{
    static const char *const names[] = {
        [STORE_IS_PINNED] = "pinned", [STORE_IS_APPROVED] = "approved", [STORE_IS_TEST] = "test"};

    return names[origin];
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->n; i++) {
        X509_free(store->entries[i].certificate);
        free(store->entries[i].name);
        free(store->entries[i].file);
    }
    free(store->entries);
    free(store);
}

struct reading {
    struct store *store;
    const struct approvals *approvals; /* NULL: test authorities, that nothing vouches for */
    const char *path;
};

static cps_error identify(const struct reading *reading, struct store_entry *entry,
                          struct fail *fail)
{
    const char *name = pins_name(entry->fingerprint);

    if (X509_check_ca(entry->certificate) == 0)
        return fail_set(fail, CPS_CONFIGURATION, "%s: holds what is no authority", reading->path);
    entry->origin = STORE_IS_PINNED;
    if (reading->approvals == NULL) {
        entry->origin = STORE_IS_TEST;
        entry->name = store_subject(entry->certificate);
    } else {
        if (name == NULL) {
            entry->origin = STORE_IS_APPROVED;
            name = approvals_name(reading->approvals, entry->fingerprint);
        }
        if (name == NULL) {
            fail_set(fail, CPS_CONFIGURATION, "%s", entry->fingerprint);
            return fail_add(fail, "%s: holds an authority that nobody approved", reading->path);
        }
        entry->name = strdup(name);
    }
    entry->file = strdup(reading->path);
    return entry->name != NULL && entry->file != NULL
               ? CPS_OK
               : fail_set(fail, CPS_INTERNAL, "out of memory");
}

static cps_error add(const struct reading *reading, X509 *certificate, struct fail *fail)
{
    struct store *store = reading->store;
    struct store_entry *entry;

    if (store->n == STORE_MAX)
        return fail_set(fail, CPS_CONFIGURATION, "more than %d authorities", STORE_MAX);
    entry = reallocarray(store->entries, store->n + 1, sizeof *entry);
    if (entry == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    store->entries = entry;
    entry += store->n++;
    *entry = (struct store_entry){.certificate = certificate};
    X509_up_ref(certificate);
    fingerprint_of(certificate, entry->fingerprint);
    return identify(reading, entry, fail);
}

static cps_error read_file(const struct reading *reading, struct fail *fail)
{
    AUTO_FREE char *data = NULL;
    STACK_OF(X509) *certificates = NULL;
    cps_error error;
    size_t len = 0;

    error = bundle_read(reading->path, &data, &len, fail);
    if (error == CPS_OK && bundle_parse(data, len, &certificates, fail) != CPS_OK)
        error = fail_add(fail, "%s", reading->path);
    for (int i = 0; error == CPS_OK && i < sk_X509_num(certificates); i++)
        error = add(reading, sk_X509_value(certificates, i), fail);
    sk_X509_pop_free(certificates, X509_free);
    return error;
}

static cps_error read_directory(struct store *store, const char *directory,
                                const struct approvals *approvals, struct fail *fail)
{
    struct dirent **names;
    int n = scandir(directory, &names, NULL, alphasort);
    cps_error error = CPS_OK;

    if (n < 0)
        return errno == ENOENT
                   ? CPS_OK
                   : fail_set(fail, CPS_CONFIGURATION, "%s: %s", directory, strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(names[i]->d_name, '.');
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s", directory, names[i]->d_name);
        if (error == CPS_OK && names[i]->d_name[0] != '.' && dot != NULL &&
            strcmp(dot, ".pem") == 0)
            error = read_file(
                &(struct reading){.store = store, .approvals = approvals, .path = path}, fail);
        free(names[i]);
    }
    free(names);
    return error;
}

cps_error store_read(const char *directory, bool test, struct store **ret_store, struct fail *fail)
{
    AUTO_STORE struct store *store = calloc(1, sizeof *store);
    AUTO_APPROVALS struct approvals approvals = {0};
    char path[PATH_MAX];

    if (store == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    snprintf(path, sizeof path, "%s/" STORE_TEST, directory);
    if (approvals_read(directory, &approvals, fail) != CPS_OK ||
        read_directory(store, directory, &approvals, fail) != CPS_OK ||
        (test && read_directory(store, path, NULL, fail) != CPS_OK))
        return fail->code;
    *ret_store = TAKE_PTR(store);
    return CPS_OK;
}
