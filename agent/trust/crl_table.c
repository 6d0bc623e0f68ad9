/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/crl_table.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "agent/trust/crl.h"
#include "base/util.h"
#include "base/whole.h"

struct crl_table {
    const struct crl_record *records;
    size_t n;
};

const char *crl_reason_name(int reason)
{
    static const char *const names[] = {
        "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
        "superseded",    "cessationOfOperation", "certificateHold", NULL,
        "removeFromCRL", "privilegeWithdrawn",   "aACompromise"};

    if (reason < 0 || (size_t)reason >= sizeof names / sizeof names[0] || names[reason] == NULL)
        return names[0];
    return names[reason];
}

/* False: negative, or longer than any serial number may be. */
static bool serial_of(const ASN1_INTEGER *number, uint8_t ret_serial[static CRL_SERIAL_LEN])
{
    int len = ASN1_STRING_length(number);

    if (len < 0 || len > CRL_SERIAL_LEN || ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER)
        return false;
    memset(ret_serial, 0, CRL_SERIAL_LEN);
    memcpy(ret_serial + CRL_SERIAL_LEN - len, ASN1_STRING_get0_data(number), (size_t)len);
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct crl_record *left = a, *right = b;

    return memcmp(left->serial, right->serial, CRL_SERIAL_LEN);
}

static int reason_of(const X509_REVOKED *entry)
{
    ASN1_ENUMERATED *value = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
    int reason = value != NULL ? (int)ASN1_ENUMERATED_get(value) : -1;

    ASN1_ENUMERATED_free(value);
    return reason;
}

cps_error crl_table_write(X509_CRL *crl, int fd, struct fail *fail)
{
    const STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    size_t n = entries != NULL ? (size_t)sk_X509_REVOKED_num(entries) : 0;
    AUTO_FREE struct crl_record *records = calloc(n + 1, sizeof *records);
    int r;

    if (records == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, (int)i);

        if (!serial_of(X509_REVOKED_get0_serialNumber(entry), records[i].serial))
            return fail_reason(fail, CPS_REVOCATION_UNKNOWN, "malformed",
                               "revocation list: an impossible serial number");
        records[i].revoked_at_s = crl_time(X509_REVOKED_get0_revocationDate(entry));
        records[i].reason = reason_of(entry);
    }
    qsort(records, n, sizeof *records, compare);
    r = whole_write(fd, records, n * sizeof *records);
    return r == 0 ? CPS_OK : fail_set(fail, CPS_STORAGE, "no room for the table: %s", strerror(-r));
}

int crl_table_memfd(void)
{
    return memfd_create("crl", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

struct crl_table *crl_table_open(int fd)
{
    AUTO_FREE struct crl_table *table = calloc(1, sizeof *table);
    struct stat st;
    void *map = NULL;

    /* Sealed first: nobody can shorten it under the map. */
    if (table == NULL ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ||
        fstat(fd, &st) < 0 || st.st_size % (off_t)sizeof *table->records != 0)
        return NULL;
    table->n = (size_t)st.st_size / sizeof *table->records;
    if (table->n > 0)
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return NULL;
    table->records = map;
    return TAKE_PTR(table);
}

void crl_table_free(struct crl_table *table)
{
    if (table == NULL)
        return;
    if (table->n > 0)
        munmap((void *)(uintptr_t)table->records, table->n * sizeof *table->records);
    free(table);
}

const struct crl_record *crl_table_find(const struct crl_table *table, const X509 *certificate)
{
    struct crl_record key;

    if (table->n == 0 || !serial_of(X509_get0_serialNumber(certificate), key.serial))
        return NULL;
    return bsearch(&key, table->records, table->n, sizeof key, compare);
}
