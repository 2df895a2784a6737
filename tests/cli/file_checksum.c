/* file_checksum FILE: as manifests name it. */
#include <stdio.h>

#include "io/file/checksum.h"

int
main(int argc, char **argv)
{
    char sum[33];

    if (argc != 2 || ac_file_checksum(argv[1], sum) != AC_OK)
        return 1;
    puts(sum);
    return 0;
}
