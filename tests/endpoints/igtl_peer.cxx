// The far side of OpenIGTLink's own C++ library: sends a picture whose rows and columns differ, or
// prints the pixels and texts that it is sent. igtl_peer send PORT | igtl_peer receive PORT COUNT
// igtl_peer forget PORT sends as a program does that does not set the byte order: the library's
// default says big, whatever the machine's is.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "igtlClientSocket.h"
#include "igtlImageMessage.h"
#include "igtlMessageHeader.h"
#include "igtlOSUtil.h"
#include "igtlServerSocket.h"
#include "igtlStringMessage.h"
#include "igtlTimeStamp.h"
#include "igtlTransformMessage.h"

static int send(int port, bool forgets) {
  igtl::ServerSocket::Pointer server = igtl::ServerSocket::New();
  if (server->CreateServer(port) < 0) return 1;
  std::cout << "listening" << std::endl;
  igtl::Socket::Pointer socket;
  while (socket.IsNull()) socket = server->WaitForConnection(1000);
  for (int k = 0; k < 5; k++) {
    igtl::TransformMessage::Pointer transform = igtl::TransformMessage::New();
    transform->SetDeviceName("Probe");
    igtl::Matrix4x4 matrix;
    igtl::IdentityMatrix(matrix);
    transform->SetMatrix(matrix);
    transform->Pack();
    socket->Send(transform->GetPackPointer(), transform->GetPackSize());
    igtl::ImageMessage::Pointer image = igtl::ImageMessage::New();
    int size[] = {7, 5, 1};
    image->SetDimensions(size);
    image->SetSpacing(1, 1, 1);
    image->SetScalarType(igtl::ImageMessage::TYPE_UINT16);
    if (!forgets) image->SetEndian(igtl::ImageMessage::ENDIAN_LITTLE);
    image->SetDeviceName("Carm");
    image->SetSubVolume(7, 5, 1, 0, 0, 0);
    image->AllocateScalars();
    unsigned short* pixels = static_cast<unsigned short*>(image->GetScalarPointer());
    for (int row = 0; row < 5; row++)
      for (int column = 0; column < 7; column++) pixels[row * 7 + column] = 1000 * row + column + k;
    igtl::TimeStamp::Pointer stamp = igtl::TimeStamp::New();
    stamp->SetTime(1700000000.0 + 0.25 * k);
    image->SetTimeStamp(stamp);
    image->Pack();
    socket->Send(image->GetPackPointer(), image->GetPackSize());
  }
  igtl::Sleep(60000);
  return 0;
}

static int receive(int port, int count) {
  igtl::ClientSocket::Pointer socket = igtl::ClientSocket::New();
  if (socket->ConnectToServer("127.0.0.1", port) != 0) return 1;
  for (int k = 0; k < count; k++) {
    igtl::MessageHeader::Pointer header = igtl::MessageHeader::New();
    header->InitPack();
    if (socket->Receive(header->GetPackPointer(), header->GetPackSize()) != header->GetPackSize()) return 2;
    header->Unpack();
    if (strcmp(header->GetDeviceType(), "IMAGE") == 0) {
      igtl::ImageMessage::Pointer image = igtl::ImageMessage::New();
      image->SetMessageHeader(header);
      image->AllocatePack();
      socket->Receive(image->GetPackBodyPointer(), image->GetPackBodySize());
      if (!(image->Unpack(1) & igtl::MessageHeader::UNPACK_BODY)) return 3;
      int size[3];
      image->GetDimensions(size);
      igtl::TimeStamp::Pointer stamp = igtl::TimeStamp::New();
      header->GetTimeStamp(stamp);
      printf("IMAGE %s %d %d %d %d %.3f", image->GetDeviceName(), image->GetScalarType(), size[0], size[1],
             size[2], stamp->GetTimeStamp());
      const unsigned char* bytes = static_cast<const unsigned char*>(image->GetScalarPointer());
      for (int i = 0; i < image->GetImageSize(); i++) printf(" %d", bytes[i]);
      printf("\n");
    } else if (strcmp(header->GetDeviceType(), "STRING") == 0) {
      igtl::StringMessage::Pointer text = igtl::StringMessage::New();
      text->SetMessageHeader(header);
      text->AllocatePack();
      socket->Receive(text->GetPackBodyPointer(), text->GetPackBodySize());
      if (!(text->Unpack(1) & igtl::MessageHeader::UNPACK_BODY)) return 3;
      printf("STRING %s %s\n", text->GetDeviceName(), text->GetString());
    }
  }
  return 0;
}

int main(int argc, char* argv[]) {
  if (argc < 3) return 9;
  if (strcmp(argv[1], "receive") == 0) return receive(atoi(argv[2]), atoi(argv[3]));
  return send(atoi(argv[2]), strcmp(argv[1], "forget") == 0);
}
