/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader with keys, for tests: an IFD handler that is vpcd's but for PC/SC 2 part 10. It stands
 * in one directory with it, libifdvpcd-real.so, and with what is typed on its keys:
 *
 *   pad       one line a use, taken from the top: the codes typed, separated by spaces, or
 * "cancel". Nobody types without one; the time limit of the block then passes. pad.log   each block
 * received, in hexadecimal
 */
#include <dlfcn.h>
#include <ifdhandler.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GET_FEATURES  (0x42000000 + 3400)
#define VERIFY_DIRECT (0x42000000 + 3500)
#define MODIFY_DIRECT (0x42000000 + 3501)
#define VERIFY_HEAD   19
#define MODIFY_HEAD   24
#define PIN_LEN       4
#define LINE_MAX_LEN  64
#define CODES_MAX     3

static void *real(const char *name)
{
    static void *library;
    Dl_info self;

    if (library == NULL && dladdr((void *)(uintptr_t)&real, &self) != 0) {
        char path[512], *copy = strdup(self.dli_fname);

        snprintf(path, sizeof path, "%s/libifdvpcd-real.so", dirname(copy));
        free(copy);
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return library != NULL ? dlsym(library, name) : NULL;
}

#define FORWARD(name, types, values)                                                               \
    RESPONSECODE name types                                                                        \
    {                                                                                              \
        RESPONSECODE(*f) types = real(#name);                                                      \
        return f != NULL ? f values : IFD_COMMUNICATION_ERROR;                                     \
    }

FORWARD(IFDHCreateChannelByName, (DWORD lun, LPSTR device), (lun, device))
FORWARD(IFDHCreateChannel, (DWORD lun, DWORD channel), (lun, channel))
FORWARD(IFDHCloseChannel, (DWORD lun), (lun))
FORWARD(IFDHGetCapabilities, (DWORD lun, DWORD tag, PDWORD len, PUCHAR value),
        (lun, tag, len, value))
FORWARD(IFDHSetCapabilities, (DWORD lun, DWORD tag, DWORD len, PUCHAR value),
        (lun, tag, len, value))
FORWARD(IFDHSetProtocolParameters,
        (DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1, UCHAR pts2, UCHAR pts3),
        (lun, protocol, flags, pts1, pts2, pts3))
FORWARD(IFDHPowerICC, (DWORD lun, DWORD action, PUCHAR atr, PDWORD len), (lun, action, atr, len))
FORWARD(IFDHTransmitToICC,
        (DWORD lun, SCARD_IO_HEADER pci, PUCHAR tx, DWORD tx_len, PUCHAR rx, PDWORD rx_len,
         PSCARD_IO_HEADER rx_pci),
        (lun, pci, tx, tx_len, rx, rx_len, rx_pci))
FORWARD(IFDHICCPresence, (DWORD lun), (lun))

static FILE *open_beside(const char *name, const char *mode)
{
    Dl_info self;
    char path[512], *copy;

    if (dladdr((void *)(uintptr_t)&real, &self) == 0 || (copy = strdup(self.dli_fname)) == NULL)
        return NULL;
    snprintf(path, sizeof path, "%s/%s", dirname(copy), name);
    free(copy);
    return fopen(path, mode);
}

static void log_block(const UCHAR *block, DWORD len)
{
    FILE *file = open_beside("pad.log", "a");

    for (DWORD i = 0; file != NULL && i < len; i++)
        fprintf(file, "%02X", block[i]);
    if (file != NULL) {
        fputc('\n', file);
        fclose(file);
    }
}

/* Takes the first line; false: there is none. */
static int take_line(char line[LINE_MAX_LEN])
{
    FILE *file = open_beside("pad", "r+");
    char rest[1024] = "";
    int got = file != NULL && fgets(line, LINE_MAX_LEN, file) != NULL;

    if (got) {
        size_t n = fread(rest, 1, sizeof rest, file);

        rewind(file);
        if (fwrite(rest, 1, n, file) != n || fflush(file) != 0 || ftruncate(fileno(file), (off_t)n))
            got = 0;
        line[strcspn(line, "\n")] = '\0';
    }
    if (file != NULL)
        fclose(file);
    return got;
}

static RESPONSECODE say(PUCHAR rx, LPDWORD ret_len, uint16_t sw)
{
    rx[0] = (UCHAR)(sw >> 8);
    rx[1] = (UCHAR)sw;
    *ret_len = 2;
    return IFD_SUCCESS;
}

/* Puts what was typed where the block wants it. 0, or what the reader says itself. */
static uint16_t fill(const UCHAR *block, int modify, char line[LINE_MAX_LEN], UCHAR *apdu)
{
    char *codes[CODES_MAX], *save = NULL;
    size_t n = 0, wanted = 1, new_code;
    int with_current = modify && (block[9] & 2) != 0;

    for (char *word = strtok_r(line, " ", &save); word != NULL && n < CODES_MAX;
         word = strtok_r(NULL, " ", &save))
        codes[n++] = word;
    if (modify)
        wanted = with_current ? 3 : 2;
    if (n != wanted)
        return 0x6401;
    for (size_t i = 0; i < n; i++)
        if (strlen(codes[i]) != PIN_LEN)
            return 0x6403;
    if (!modify || with_current)
        memcpy(apdu + 5 + (modify ? block[5] : 0), codes[0], PIN_LEN);
    if (!modify)
        return 0;
    new_code = with_current ? 1 : 0;
    if (strcmp(codes[new_code], codes[new_code + 1]) != 0)
        return 0x6402;
    memcpy(apdu + 5 + block[6], codes[new_code], PIN_LEN);
    return 0;
}

static RESPONSECODE type_and_send(DWORD lun, int modify, PUCHAR block, DWORD len, PUCHAR rx,
                                  DWORD rx_size, LPDWORD ret_len)
{
    static const struct timespec tick = {.tv_nsec = 20000000};
    DWORD head = modify ? MODIFY_HEAD : VERIFY_HEAD;
    SCARD_IO_HEADER pci = {.Protocol = 0, .Length = 0};
    char line[LINE_MAX_LEN];
    RESPONSECODE rv;
    uint16_t sw;

    log_block(block, len);
    if (len < head + 5 || rx_size < 2)
        return IFD_COMMUNICATION_ERROR;
    for (int ticks = block[0] * 50; !take_line(line); ticks--) {
        if (ticks == 0)
            return say(rx, ret_len, 0x6400);
        nanosleep(&tick, NULL);
    }
    if (strcmp(line, "cancel") == 0)
        return say(rx, ret_len, 0x6401);
    if (strcmp(line, "timeout") == 0)
        return say(rx, ret_len, 0x6400);
    sw = fill(block, modify, line, block + head);
    if (sw != 0)
        return say(rx, ret_len, sw);
    *ret_len = rx_size;
    rv = IFDHTransmitToICC(lun, pci, block + head, len - head, rx, ret_len, &pci);
    return rv;
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR tx, DWORD tx_len, PUCHAR rx, DWORD rx_size,
                         LPDWORD ret_len)
{
    static const UCHAR features[] = {0x06, 4, 0x42, 0x00, 0x0D, 0xAC,
                                     0x07, 4, 0x42, 0x00, 0x0D, 0xAD};

    *ret_len = 0;
    switch (code) {
    case GET_FEATURES:
        if (rx_size < sizeof features)
            return IFD_COMMUNICATION_ERROR;
        memcpy(rx, features, sizeof features);
        *ret_len = sizeof features;
        return IFD_SUCCESS;
    case VERIFY_DIRECT:
        return type_and_send(lun, 0, tx, tx_len, rx, rx_size, ret_len);
    case MODIFY_DIRECT:
        return type_and_send(lun, 1, tx, tx_len, rx, rx_size, ret_len);
    default:
        return IFD_ERROR_NOT_SUPPORTED;
    }
}
