/* h5_drop FILE ATTRIBUTE: takes an attribute away, as if an older version had written the file.
 */
#include <hdf5.h>

int
main(int argc, char **argv)
{
    hid_t file = argc == 3 ? H5Fopen(argv[1], H5F_ACC_RDWR, H5P_DEFAULT) : -1;

    return file < 0 || H5Adelete(file, argv[2]) < 0 || H5Fclose(file) < 0;
}
