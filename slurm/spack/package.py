# A recipe for Spack. In a repository of your own:
#     spack repo create my_repo && mkdir -p my_repo/packages/antarctic-captions && cp slurm/spack/package.py my_repo/packages/antarctic-captions/
#     spack repo add my_repo && spack dev-build antarctic-captions@main     # in the clone of this project
# The versions are those of Debian 12 and newer, with which the program was built (docs/PORTING.md).
from spack.package import *


class AntarcticCaptions(CMakePackage):
    """Captions image archives on clusters: a framework of distributed batch jobs over MPI and HDF5, without Python or a GPU."""

    version("main")

    variant("onednn", default=False, description="oneDNN as a further backend of matrix products")
    variant("tiff", default=True, description="read TIFF images")
    variant("jpeg2000", default=True, description="read JPEG 2000 images")
    variant("avif", default=False, description="read AVIF images")
    variant("heif", default=False, description="read HEIC images")
    variant("jxl", default=False, description="read JPEG XL images")

    depends_on("c", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")

    depends_on("mpi@3:")
    depends_on("hdf5@1.10:~mpi")
    depends_on("openblas threads=openmp")
    depends_on("libjpeg-turbo@2.1:")
    depends_on("libpng@1.6:")
    depends_on("libwebp@1.2:+libwebpdemux")
    depends_on("zstd@1.5:")
    depends_on("zlib-api")
    depends_on("libarchive@3.6:")
    depends_on("pcre2@10.40:")
    depends_on("utf8proc@2.8:")
    depends_on("jansson@2.14:")
    depends_on("libyaml@0.2.5:")
    depends_on("random123@1.14:")
    depends_on("xxhash@0.8:")
    depends_on("onednn@2:", when="+onednn")
    depends_on("libtiff@4.5:", when="+tiff")
    depends_on("openjpeg@2.5:", when="+jpeg2000")
    depends_on("libavif@0.11:", when="+avif")
    depends_on("libheif@1.15:", when="+heif")
    depends_on("libjxl@0.7:", when="+jxl")

    def cmake_args(self):
        def choice(name, variant):
            return self.define(name, "ON" if variant in self.spec else "OFF")

        return [
            self.define("AC_BUILD_TESTS", False),
            self.define("AC_MPI", "compiler"),
            self.define("MPI_C_COMPILER", self.spec["mpi"].mpicc),
            choice("AC_WITH_DNNL", "+onednn"),
            choice("AC_WITH_TIFF", "+tiff"),
            choice("AC_WITH_OPENJPEG", "+jpeg2000"),
            choice("AC_WITH_AVIF", "+avif"),
            choice("AC_WITH_HEIF", "+heif"),
            choice("AC_WITH_JXL", "+jxl"),
        ]
