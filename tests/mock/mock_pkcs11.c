/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that misbehaves on demand, for tests. The directory MOCK_PKCS11 holds key.pem,
 * certificate.der and plan, which is read again at each call:
 *
 *   C_Sign hang          waits for ever                C_Sign crash      SIGSEGV
 *   C_Sign exit          the process ends              C_Sign slow 200   that many ms, then goes on
 *   C_Sign 0x32          returns that                  C_Sign once 0x32  the first time only
 *   C_Sign long          a lie of that function's own, see there
 *   flags 0x100          more flags of the token       open              no login is needed
 *   key each             CKA_ALWAYS_AUTHENTICATE
 *
 * The PIN is 1234, the security officer's 12345678. It tells the PIN to whoever reads its standard
 * output and error, and tries to write it to the file leak.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READER  "Virtual PCD 00 00"
#define SESSION 7
#define TRIES   3

enum { HANDLE_CERTIFICATE = 1, HANDLE_KEY = 2, HANDLE_DATA = 3, HANDLES = 3 };

static EVP_PKEY *key;
static unsigned char certificate[8192];
static size_t certificate_len;
static unsigned char id[] = {0xC5, 0x01};
static char pin[64] = "1234";
static unsigned tries = TRIES;
static bool logged_in;
static bool officer;
static CK_OBJECT_CLASS wanted;
static CK_ULONG next_handle;
static char once[64]; /* the function whose "once" was used up */

static FILE *open_file(const char *name, const char *mode)
{
    const char *directory = getenv("MOCK_PKCS11");
    char path[512];

    snprintf(path, sizeof path, "%s/%s", directory != NULL ? directory : "", name);
    return fopen(path, mode);
}

/* What the plan says of a function: the rest of its line, or "". */
static void planned(const char *name, char *rest, size_t size)
{
    FILE *plan = open_file("plan", "re");
    char line[128];
    size_t len = strlen(name);

    rest[0] = '\0';
    while (plan != NULL && fgets(line, sizeof line, plan) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, name, len) == 0 && (line[len] == ' ' || line[len] == '\0'))
            snprintf(rest, size, "%s", line[len] == ' ' ? line + len + 1 : "yes");
    }
    if (plan != NULL)
        fclose(plan);
}

static CK_ULONG number(const char *text)
{
    return strtoul(text, NULL, 0);
}

/* Does what any function may be told to; lie is what is left to the function itself. */
static CK_RV begin(const char *name, char *lie, size_t size)
{
    planned(name, lie, size);
    if (strncmp(lie, "once ", 5) == 0) {
        if (strcmp(once, name) == 0) {
            lie[0] = '\0';
            return CKR_OK;
        }
        snprintf(once, sizeof once, "%s", name);
        memmove(lie, lie + 5, strlen(lie + 5) + 1);
    }
    if (strcmp(lie, "hang") == 0)
        for (;;)
            (void)poll(NULL, 0, -1);
    if (strcmp(lie, "crash") == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* no report of a sanitizer: it is meant */
        (void)raise(SIGSEGV);
    }
    if (strcmp(lie, "exit") == 0)
        _exit(0);
    if (strncmp(lie, "slow ", 5) == 0)
        (void)poll(NULL, 0, (int)number(lie + 5));
    return strncmp(lie, "0x", 2) == 0 ? number(lie) : CKR_OK;
}

#define BEGIN()                                                                                    \
    char lie[64];                                                                                  \
    CK_RV rv_ = begin(__func__, lie, sizeof lie);                                                  \
    if (rv_ != CKR_OK)                                                                             \
    return rv_

static bool tells(const char *lie, const char *which)
{
    return strcmp(lie, which) == 0;
}

static void pad(CK_UTF8CHAR *field, size_t size, const char *text)
{
    size_t len = strlen(text) < size ? strlen(text) : size;

    memset(field, ' ', size);
    memcpy(field, text, len);
}

CK_RV C_Initialize(void *args)
{
    FILE *file;

    BEGIN();
    (void)args;
    file = open_file("key.pem", "re");
    if (file == NULL || (key = PEM_read_PrivateKey(file, NULL, NULL, NULL)) == NULL)
        return CKR_GENERAL_ERROR;
    fclose(file);
    file = open_file("certificate.der", "re");
    if (file == NULL)
        return CKR_GENERAL_ERROR;
    certificate_len = fread(certificate, 1, sizeof certificate, file);
    fclose(file);
    return CKR_OK;
}

CK_RV C_Finalize(void *reserved)
{
    BEGIN();
    (void)reserved;
    EVP_PKEY_free(key);
    key = NULL;
    logged_in = false;
    return CKR_OK;
}

CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
    BEGIN();
    (void)present;
    if (tells(lie, "minus")) {
        *n = CK_UNAVAILABLE_INFORMATION;
    } else if (tells(lie, "grows") && slots != NULL) {
        *n = 1000;
    } else {
        if (slots != NULL)
            slots[0] = 0;
        *n = tells(lie, "none") ? 0 : 1;
    }
    return CKR_OK;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    BEGIN();
    (void)slot;
    memset(info, 0, sizeof *info);
    pad(info->slotDescription, sizeof info->slotDescription, READER);
    if (tells(lie, "garbage"))
        memset(info->slotDescription, 0xFF, sizeof info->slotDescription);
    info->flags = CKF_TOKEN_PRESENT;
    return CKR_OK;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    char more[64];
    BEGIN();

    (void)slot;
    memset(info, 0, sizeof *info);
    pad(info->label, sizeof info->label, "mock token");
    pad(info->model, sizeof info->model, "mock");
    pad(info->serialNumber, sizeof info->serialNumber, tells(lie, "another") ? "0002" : "0001");
    if (tells(lie, "garbage")) {
        memset(info->label, 0xFF, sizeof info->label);
        memset(info->model, '\n', sizeof info->model);
        memset(info->serialNumber, 0xC3, sizeof info->serialNumber);
    }
    info->ulMinPinLen = tells(lie, "limits") ? CK_UNAVAILABLE_INFORMATION : 4;
    info->ulMaxPinLen = tells(lie, "limits") ? 0 : 8;
    info->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
    planned("open", more, sizeof more);
    if (more[0] == '\0')
        info->flags |= CKF_LOGIN_REQUIRED;
    planned("flags", more, sizeof more);
    info->flags |= number(more);
    if (tries < TRIES)
        info->flags |= CKF_USER_PIN_COUNT_LOW;
    if (tries == 1)
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    if (tries == 0)
        info->flags |= CKF_USER_PIN_LOCKED;
    return CKR_OK;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
    BEGIN();
    (void)slot;
    if (list != NULL)
        list[0] = CKM_RSA_PKCS;
    *n = tells(lie, "minus") ? CK_UNAVAILABLE_INFORMATION : 1;
    return CKR_OK;
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    BEGIN();
    (void)slot;
    if (type != CKM_RSA_PKCS)
        return CKR_MECHANISM_INVALID;
    *info = (CK_MECHANISM_INFO){2048, 2048, CKF_SIGN | CKF_DECRYPT};
    return CKR_OK;
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE *session)
{
    BEGIN();
    (void)slot, (void)flags, (void)application, (void)notify;
    *session = SESSION;
    return CKR_OK;
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
    BEGIN();
    return session == SESSION ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static void leak(const CK_UTF8CHAR *given, CK_ULONG len)
{
    FILE *file = open_file("leak", "we");

    fprintf(stderr, "mock: C_Login with %.*s\n", (int)len, (const char *)given);
    printf("mock: C_Login with %.*s\n", (int)len, (const char *)given);
    fflush(stdout);
    if (file != NULL) {
        fwrite(given, 1, len, file);
        fclose(file);
    }
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *given, CK_ULONG len)
{
    const char *right = user == CKU_SO ? "12345678" : pin;
    BEGIN();

    (void)session;
    if (given == NULL) /* typed on the reader, rightly */
        return logged_in = true, CKR_OK;
    leak(given, len);
    if (logged_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (user == CKU_USER && tries == 0)
        return CKR_PIN_LOCKED;
    if (len != strlen(right) || memcmp(given, right, len) != 0) {
        if (user == CKU_USER)
            tries--;
        return user == CKU_USER && tries == 0 ? CKR_PIN_LOCKED : CKR_PIN_INCORRECT;
    }
    logged_in = true;
    officer = user == CKU_SO;
    if (!officer)
        tries = TRIES;
    return CKR_OK;
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
    BEGIN();
    (void)session;
    logged_in = officer = false;
    return CKR_OK;
}

CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *old, CK_ULONG old_len, CK_UTF8CHAR *new,
               CK_ULONG new_len)
{
    BEGIN();
    (void)session;
    if (old_len != strlen(pin) || memcmp(old, pin, old_len) != 0)
        return tries--, CKR_PIN_INCORRECT;
    snprintf(pin, sizeof pin, "%.*s", (int)new_len, (const char *)new);
    return CKR_OK;
}

CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *new, CK_ULONG len)
{
    BEGIN();
    (void)session;
    if (!officer)
        return CKR_USER_NOT_LOGGED_IN;
    snprintf(pin, sizeof pin, "%.*s", (int)len, (const char *)new);
    tries = TRIES;
    return CKR_OK;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
    BEGIN();
    (void)session;
    for (CK_ULONG i = 0; i < n; i++)
        if (template[i].type == CKA_CLASS)
            memcpy(&wanted, template[i].pValue, sizeof wanted);
    next_handle = 1;
    return CKR_OK;
}

static CK_OBJECT_CLASS class_of(CK_OBJECT_HANDLE object)
{
    static const CK_OBJECT_CLASS classes[] = {[HANDLE_CERTIFICATE] = CKO_CERTIFICATE,
                                              [HANDLE_KEY] = CKO_PRIVATE_KEY,
                                              [HANDLE_DATA] = CKO_DATA};

    return classes[object <= HANDLES ? object : HANDLE_CERTIFICATE];
}

/* endless: certificates for ever. more: says that it gave more than was asked. */
CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *n)
{
    BEGIN();
    (void)session;
    *n = 0;
    for (; *n < max && (next_handle <= HANDLES || tells(lie, "endless")); next_handle++)
        if (class_of(next_handle) == wanted || next_handle > HANDLES)
            objects[(*n)++] = next_handle;
    if (tells(lie, "more"))
        *n = 100000;
    return CKR_OK;
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    BEGIN();
    (void)session;
    return CKR_OK;
}

static CK_RV give(CK_ATTRIBUTE *attribute, const void *value, size_t len)
{
    if (attribute->pValue != NULL && attribute->ulValueLen < len) {
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (attribute->pValue != NULL && len > 0)
        memcpy(attribute->pValue, value, len);
    attribute->ulValueLen = len;
    return CKR_OK;
}

/* huge, minus: lengths of certificates. garbage: a certificate that is none. */
CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE *attribute, CK_ULONG n)
{
    static const CK_BBOOL yes = CK_TRUE;
    char each[64];
    BEGIN();

    (void)session, (void)n;
    planned("key", each, sizeof each);
    if (attribute->type == CKA_VALUE && class_of(object) == CKO_CERTIFICATE) {
        if (tells(lie, "huge") || tells(lie, "minus")) {
            attribute->ulValueLen = tells(lie, "huge") ? 1UL << 40 : CK_UNAVAILABLE_INFORMATION;
            return CKR_OK;
        }
        if (tells(lie, "garbage"))
            return give(attribute, "\x30\x82\x00\x04junk", 8);
        return give(attribute, certificate, certificate_len);
    }
    if (attribute->type == CKA_ID && class_of(object) != CKO_DATA)
        return give(attribute, id, sizeof id);
    if (attribute->type == CKA_LABEL)
        return give(attribute, class_of(object) == CKO_DATA ? "CPS_ID_CARD" : "mock",
                    class_of(object) == CKO_DATA ? 11 : 4);
    if (attribute->type == CKA_VALUE && class_of(object) == CKO_DATA)
        return give(attribute, "value", 5);
    if (attribute->type == CKA_ALWAYS_AUTHENTICATE && each[0] != '\0')
        return give(attribute, &yes, sizeof yes);
    attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE object)
{
    BEGIN();
    (void)session;
    if (mechanism->mechanism != CKM_RSA_PKCS)
        return CKR_MECHANISM_INVALID;
    return object == HANDLE_KEY ? CKR_OK : CKR_KEY_HANDLE_INVALID;
}

/* long, minus, short: lengths. wrong: of something else. */
CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
             CK_ULONG *signature_len)
{
    EVP_PKEY_CTX *context;
    size_t size = *signature_len;
    char open[64];
    BEGIN();

    (void)session;
    planned("open", open, sizeof open);
    if (!logged_in && open[0] == '\0')
        return CKR_USER_NOT_LOGGED_IN;
    context = EVP_PKEY_CTX_new(key, NULL);
    if (context == NULL || EVP_PKEY_sign_init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_sign(context, signature, &size, data, len) != 1)
        size = 0;
    EVP_PKEY_CTX_free(context);
    if (size == 0)
        return CKR_FUNCTION_FAILED;
    if (tells(lie, "wrong"))
        signature[0] ^= 1;
    *signature_len = tells(lie, "long")    ? 4096
                     : tells(lie, "minus") ? CK_UNAVAILABLE_INFORMATION
                     : tells(lie, "short") ? 10
                                           : size;
    return CKR_OK;
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE object)
{
    BEGIN();
    (void)session, (void)mechanism, (void)object;
    return CKR_OK;
}

/* Nothing is decrypted. long: says that it is longer than can be. */
CK_RV C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE *cryptogram, CK_ULONG len, CK_BYTE *plain,
                CK_ULONG *plain_len)
{
    BEGIN();
    (void)session, (void)cryptogram, (void)len, (void)plain;
    *plain_len = 100000;
    return tells(lie, "long") ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
}

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = C_Initialize,
    .C_Finalize = C_Finalize,
    .C_GetFunctionList = C_GetFunctionList,
    .C_GetSlotList = C_GetSlotList,
    .C_GetSlotInfo = C_GetSlotInfo,
    .C_GetTokenInfo = C_GetTokenInfo,
    .C_GetMechanismList = C_GetMechanismList,
    .C_GetMechanismInfo = C_GetMechanismInfo,
    .C_OpenSession = C_OpenSession,
    .C_CloseSession = C_CloseSession,
    .C_Login = C_Login,
    .C_Logout = C_Logout,
    .C_SetPIN = C_SetPIN,
    .C_InitPIN = C_InitPIN,
    .C_FindObjectsInit = C_FindObjectsInit,
    .C_FindObjects = C_FindObjects,
    .C_FindObjectsFinal = C_FindObjectsFinal,
    .C_GetAttributeValue = C_GetAttributeValue,
    .C_SignInit = C_SignInit,
    .C_Sign = C_Sign,
    .C_DecryptInit = C_DecryptInit,
    .C_Decrypt = C_Decrypt,
};

/* null: no list. holes: a list without C_Sign. version: of PKCS#11 that is to come. */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    BEGIN();
    if (tells(lie, "holes"))
        functions.C_Sign = NULL;
    if (tells(lie, "version"))
        functions.version.major = 9;
    *list = tells(lie, "null") ? NULL : &functions;
    return CKR_OK;
}
